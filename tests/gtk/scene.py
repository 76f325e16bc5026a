# SPDX-License-Identifier: GPL-2.0-or-later
"""The patches and processes that the mock service shows: every kind, state, severity and problem, as an administrator would
meet them. Must not know the bus."""

import uuid

NAMESPACE = uuid.UUID('0b0d6d9e-6c59-4d8b-9c4e-6a55c0ffee00')
CHANGED = 1_764_000_000_000_000  # a moment in microseconds, so that pictures don't change by themselves


def patch(target, version, name, obj, state, severity='', issues=(), description='', kind='user', total=0, patched=None,
          problems=(), functions=(), processes=None, signer='CN=Debian Hot Patches'):
    bundle = uuid.uuid5(NAMESPACE, f'{target} {version} {name}')
    own = uuid.uuid5(bundle, obj)
    plain_version = version.split(':')[-1]
    if patched is None:
        patched = total if state in ('active', 'accepted') else 0
    return {
        'Uuid': str(own), 'Name': f'{target}-{plain_version}/{name}/{obj}', 'Bundle': str(bundle), 'Version': '1', 'Release': '1',
        'Kind': kind, 'Architecture': 'x86_64', 'TargetName': target, 'TargetVersion': version, 'TargetObject': obj,
        'TargetFiles': [f'/usr/bin/{obj}'] if kind == 'user' else [], 'TargetBuildId': own.hex + '8a1f03c2',
        'Digest': own.hex + bundle.hex, 'License': 'BSD-3-Clause', 'Description': description, 'Issues': list(issues),
        'Severity': severity, 'SourcePatches': [(f'{i}.patch', bundle.hex + own.hex) for i in issues],
        'Functions': list(functions), 'Signer': signer, 'State': state, 'Problems': list(problems), 'ProcessesTotal': total,
        'ProcessesPatched': patched, 'LastChange': CHANGED if state not in ('not-applied', 'unknown') else 0, 'Job': '/',
        '_processes': processes,
    }


def process(pid, command, status, unit='', reason='', detail='', uid=106, container=''):
    return {'Pid': pid, 'Command': command, 'Uid': uid, 'Unit': unit, 'Container': container, 'Status': status,
            'Reason': reason, 'Detail': detail, 'Since': CHANGED if status == 'patched' else 0}


def scene():
    return [
        patch('redis', '5:7.0.15-1~deb12u7', 'HP001', 'redis-check-rdb', 'active', 'high', ['CVE-2026-66373'],
              'A negative count in XAUTOCLAIM reads memory outside the stream.\nAny client that may run stream commands can crash '
              'the server or read its memory.', total=3, patched=2, problems=['processes-unpatched'],
              functions=['xautoclaimCommand', 'streamReplyWithRangeFromConsumerPEL', 'lookupStreamNACK'],
              processes=[process(812, 'redis-server', 'patched', 'redis-server.service'),
                         process(934, 'redis-server', 'patched', 'redis-server@sessions.service'),
                         process(1207, 'redis-server', 'pending', 'redis-server@jobs.service', 'A thread is in an old function',
                                 'thread 1211 is in xautoclaimCommand, waiting in epoll_wait')]),
        patch('redis', '5:7.0.15-1~deb12u7', 'HP002', 'redis-check-rdb', 'not-applied', 'medium', ['CVE-2026-40112'],
              'The length of a listpack entry is checked before it is used.', total=3, functions=['lpValidateNext']),
        patch('nginx', '1.22.1-9+deb12u3', 'HP014', 'nginx', 'accepted', 'critical', ['CVE-2026-31002', 'CVE-2026-31003', 'CVE-2026-31010'],
              'Three errors in the MP4 module that a crafted file reaches.', total=5,
              functions=['ngx_http_mp4_read_stsz_atom', 'ngx_http_mp4_crop_stsc_data', 'ngx_http_mp4_update_stsz_atom']),
        patch('openssl', '3.0.17-1~deb12u2', 'HP003', 'libssl.so.3', 'active', 'high', ['CVE-2026-22801'],
              'A renegotiation with a broken peer no longer uses freed memory.', total=41, functions=['tls_process_cert_verify']),
        patch('openssl', '3.0.17-1~deb12u2', 'HP004', 'libcrypto.so.3', 'deactivated', 'low', ['CVE-2026-22844'],
              'Constant time for one more comparison.', total=58, problems=['overridden'], functions=['BN_mod_exp_consttime']),
        patch('linux', '6.1.148-1', 'HP101', 'vmlinux', 'accepted', 'high', ['CVE-2026-11923'],
              'A use after free in the packet scheduler.', kind='kernel', functions=['qfq_change_class', 'qfq_destroy_class'],
              problems=['transition-pending'],
              processes=[process(3301, 'kworker/2:1', 'pending', '', 'The task sleeps in an old function', 'qfq_dequeue, in schedule', 0)]),
        patch('linux', '6.1.148-1', 'HP102', 'tcp_bbr', 'not-applied', 'medium', ['CVE-2026-12007'],
              'A division by zero in the congestion control.', kind='kernel', functions=['bbr_update_bw']),
        patch('glibc', '2.36-9+deb12u13', 'HP007', 'libc.so.6', 'active', 'critical', ['CVE-2026-5150'],
              'A name server’s answer can’t overflow the resolver’s buffer any more.', total=143, patched=142,
              problems=['processes-unpatched'], functions=['__ns_name_unpack'],
              processes=[process(4000 + i, f'worker-{i}', 'patched', 'jobs.service') for i in range(142)]
              + [process(777, 'agent', 'unpatchable', 'agent.service', 'Its seccomp filter forbids what is needed', 'mmap')]),
        patch('expat', '2.5.0-1+deb12u2', 'HP001', 'libexpat.so.1', 'not-applied', 'high', ['CVE-2026-9901'],
              'Deeply nested entities no longer exhaust the stack.', total=0, problems=['target-changed'], functions=['doContent']),
        patch('dnsmasq', '2.90-4~deb12u1', 'HP002', 'dnsmasq', 'deactivated', 'medium', ['CVE-2026-7001'],
              'Answers with too many records are dropped.', total=1, problems=['untrusted'], signer='', functions=['extract_addresses']),
        patch('memcached', '1.6.18-1', 'HP001', 'memcached', 'unknown', 'low', ['CVE-2026-8123'], 'A counter can’t wrap.', total=2,
              functions=['process_incr_command']),
        patch('curl', '7.88.1-10+deb12u12', 'HP009', 'libcurl.so.4', 'not-applied', '', [], 'A slow connection is closed in time.',
              total=2, problems=['target-missing', 'digest-mismatch', 'conflict'], functions=['Curl_pgrsUpdate']),
        {**patch('', '', '', '', 'active', '', (), '', total=1, problems=['bundle-missing'], signer=''), 'Name': '',
         'TargetFiles': [], 'License': '', 'Functions': []},
    ]


def hostile():
    """What a patch and a process may say of themselves when somebody wishes the reader ill, and what is merely very long or very many."""
    markup = '<img src=x onerror="top.hacked=window.hacked=1"><script>top.hacked=window.hacked=1</script>&lt;b>'
    tricks = 'safe\u202egnp.exe\u2066\u200b\x07\x1b[31m'
    long = 'x' * 3000
    processes = [process(5000 + i, f'{markup} worker-{i}', 'patched', f'{tricks}.service', '', '', 106) for i in range(2000)]
    processes += [process(4999, long, 'failed', long, f'{tricks}\n{markup}', long, 4294967294, markup)]
    first = patch('evil', f'1.0{markup}', f'HP{tricks}', f'a{markup}', 'active', 'critical', [f'CVE-2026-1{markup}', 'javascript:alert(1)', f'CVE-{long}', tricks],
                  f'{markup}\n{tricks}\n{long}', total=2001, patched=2000, problems=['processes-unpatched', markup], functions=[markup, tricks, long],
                  processes=processes, signer=f'CN={markup}{tricks}')
    first.update(LastChange=2 ** 63 - 1, License=markup, SourcePatches=[(markup, tricks), (long, long)], TargetFiles=[f'/usr/bin/{markup}', f'/{long}'])
    second = patch('long', '9' * 500, 'HP002', long, 'not-applied', 'unheard-of', [f'CVE-2026-{n}' for n in range(500)], long, total=4294967295, patched=4294967295)
    second.update(LastChange=2 ** 53 + 1, Description='')
    return [first, second]


def many(n):
    """n patches of some hundred targets."""
    states = ['not-applied', 'deactivated', 'active', 'accepted']
    severities = ['low', 'medium', 'high', 'critical']
    return [patch(f'package{i // 40:03}', f'1.{i // 40}-2', f'HP{i:05}', f'lib{i // 40:03}.so.1', states[i % 4], severities[i // 4 % 4],
                  [f'CVE-2026-{20000 + i}'], f'Fix number {i}.', total=i % 5, functions=[f'function_{i}']) for i in range(n)]
