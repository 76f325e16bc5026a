#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes hot patches out of the real security fixes of fixes.json, puts them into held processes, and counts the outcomes.

    run.py [--core | --package NAME | --fix NAME]... [--work DIR] [--results FILE] [--tap] [--install] [--fresh]
           --syscare PATH [--lp-live PATH]

Per fix: the source package is fetched (private apt configuration made from the machine's own sources), the fix is taken out again, and
`syscare build` makes a patch of it for the tree built without it. With --lp-live each patched object is mapped into a process that is held
before its main(), the patch is applied, deactivated and unloaded. --install also installs the packages' build dependencies,
--fresh builds again what an earlier run left in DIR (the fetched sources stay).

What is expected of a fix comes from its recorded effect on the machine code:
    code, code+data   a patch, or a refusal with a reason
    data-only         a refusal that names the data
    line-only, none   "nothing to patch"
"""
import argparse
import collections
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Exit status of `syscare build` (syscare-build(1)).
OUTCOMES = {0: 'built', 6: 'nothing', 7: 'refused', 8: 'sources'}
EXPECTED = {'code': {'built', 'refused'}, 'code+data': {'built', 'refused'}, 'data-only': {'refused'},
            'line-only': {'nothing', 'built'}, 'none': {'nothing'}, 'build-failed': {'sources', 'refused'}}
HOLDER = """/* Holds a process before its main(): every object that it needs is mapped by then. */
#include <unistd.h>
__attribute__ ((constructor)) static void hold (void)
{
  for (;;)
    pause ();
}
"""


def run(command, **options):
    options.setdefault('stdin', subprocess.DEVNULL)
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding='utf-8', errors='replace', **options)


def must(command, **options):
    done = run(command, **options)
    if done.returncode:
        raise RuntimeError(f'{" ".join(map(str, command))}: {done.stdout[-600:]}')
    return done.stdout


class Unavailable(RuntimeError):
    """The archive doesn't give the source (any more): nothing was tried."""


def last_error(text):
    errors = [line for line in text.splitlines() if line.startswith('E:')]
    return errors[0] if errors else 'the archive did not give it'


class Sources:
    """Source packages through an apt configuration of our own; the machine's is only read."""

    def __init__(self, work):
        self.folder = work / 'sources'
        self.config = work / 'apt' / 'apt.conf'
        self.ready = False

    def prepare(self):
        base = self.config.parent
        for name in ('parts', 'state/lists/partial', 'cache/archives/partial'):
            (base / name).mkdir(parents=True, exist_ok=True)
        parts = Path('/etc/apt/sources.list.d')
        for file in sorted(parts.glob('*.sources')):
            text = re.sub(r'^Types:.*$', 'Types: deb-src', file.read_text(), flags=re.M | re.I)
            (base / 'parts' / file.name).write_text(text)
        for file in [Path('/etc/apt/sources.list'), *sorted(parts.glob('*.list'))]:
            if file.is_file():
                lines = [re.sub(r'^deb\s', 'deb-src ', line) for line in file.read_text().splitlines() if re.match(r'deb\s', line)]
                (base / 'parts' / (file.stem + '-src.list')).write_text('\n'.join(lines) + '\n')
        self.config.write_text(f'Dir::Etc::sourcelist "/dev/null";\nDir::Etc::sourceparts "{base}/parts";\n'
                               f'Dir::State "{base}/state";\nDir::State::status "/var/lib/dpkg/status";\nDir::Cache "{base}/cache";\n'
                               'APT::Sandbox::User "root";\n')
        must(['apt-get', '-q', 'update'], env=self.environment())
        self.ready = True

    def environment(self):
        return {**os.environ, 'APT_CONFIG': str(self.config)}

    def unpack(self, package, version, tree):
        """Unpacks this package and version, fetched when missing, as @tree."""
        plain = version.split(':', 1)[-1]
        dsc = self.folder / f'{package}_{plain}.dsc'
        fetched = None
        if not dsc.exists():
            if not self.ready:
                self.prepare()
            self.folder.mkdir(parents=True, exist_ok=True)
            fetched = run(['apt-get', '-q', 'source', '-d', f'{package}={version}'], cwd=self.folder, env=self.environment())
        if dsc.exists():
            must(['dpkg-source', '--no-check', '-x', str(dsc), str(tree)])
            return
        upstream = plain.rsplit('-', 1)[0]
        parts = [file for name in (f'{package}_{upstream}.orig.tar.*', f'{package}_{plain}.debian.tar.*')
                 for file in self.folder.glob(name) if file.suffix != '.asc']
        if len(parts) != 2:
            raise Unavailable(f'{package} {version}: {last_error(fetched.stdout)}')
        self.unpack_parts(*parts, tree)

    @staticmethod
    def unpack_parts(original, packaging, tree):
        """What dpkg-source does for format "3.0 (quilt)", where the archive has lost the .dsc (apt checked the parts' digests)."""
        tree.mkdir(parents=True)
        must(['tar', '-x', '-f', str(original), '--strip-components=1', '-C', str(tree)])
        shutil.rmtree(tree / 'debian', ignore_errors=True)
        must(['tar', '-x', '-f', str(packaging), '-C', str(tree)])
        series = tree / 'debian/patches/series'
        for line in series.read_text().splitlines() if series.exists() else []:
            name = line.split('#')[0].strip()
            if name:
                must(['patch', '-p1', '-s', '-f', '--no-backup-if-mismatch', '-i', f'debian/patches/{name}'], cwd=tree)


def missing_packages(names):
    done = subprocess.run(['dpkg-query', '-W', '-f', '${Package} ${db:Status-Status}\n', *names], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True)
    there = {line.split()[0] for line in done.stdout.splitlines() if line.endswith(' installed')}
    return [name for name in names if name not in there]


class Runner:
    def __init__(self, options):
        self.options = options
        self.work = Path(options.work).resolve()
        self.work.mkdir(parents=True, exist_ok=True)
        self.sources = Sources(self.work)
        for name in ('apt', 'cache', 'fixes', 'out', 'scratch', 'trees') if options.fresh else ():
            shutil.rmtree(self.work / name, ignore_errors=True)
        self.holder = self.work / 'holder.so'

    def tree(self, fix):
        """The source tree without the fix, and the fix's own file."""
        name = re.sub(r'\W+', '-', f'{fix["package"]}-{fix["fix"]}')
        tree = self.work / 'trees' / name
        patch = self.work / 'fixes' / name / fix['fix']
        if not patch.exists():
            shutil.rmtree(tree, ignore_errors=True)
            tree.parent.mkdir(parents=True, exist_ok=True)
            self.sources.unpack(fix['package'], fix['version'], tree)
            series = tree / 'debian/patches' / fix['fix']
            must(['patch', '-R', '-p1', '-s', '-f', '-i', str(series)], cwd=tree)
            patch.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(series, patch)
        return tree, patch

    def build(self, fix):
        tree, patch = self.tree(fix)
        out = self.work / 'out' / patch.parent.name
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        scratch = self.work / 'scratch'
        scratch.mkdir(exist_ok=True)
        command = [self.options.syscare, 'build', '--source', str(tree), '--build', fix['build'].replace('@RUN@', str(scratch)),
                   '--patch', str(patch), '--output', str(out), '--cache', str(self.work / 'cache'), '--json']
        if fix['prepare']:
            command += ['--prepare', fix['prepare'].replace('@RUN@', str(scratch))]
        for target in fix['targets_changed']:
            command += ['--target', target]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding='utf-8',
                              errors='replace')
        (out / 'log').write_text(done.stderr)
        errors = [line for line in done.stderr.splitlines() if line.startswith('syscare:')]
        outcome = OUTCOMES.get(done.returncode, f'failed ({done.returncode})')
        return outcome, (errors[-1] if errors else ''), tree, out

    def built(self, tree, item):
        """The unchanged build's own output for one object of a patch, and the tree that it lies in: `syscare build` builds in its
        cache and leaves the given tree alone."""
        for built in sorted((self.work / 'cache').glob(f'{tree.name}-*/src/{tree.name}')):
            inside = [str(Path(file).relative_to(tree)) for file in item['files'] if Path(file).is_relative_to(tree)]
            for file in [built / name for name in inside] or built.rglob(item['name']):
                if file.is_file() and item['build-id'] in build_id(file):
                    return built, str(file.relative_to(built))
        raise RuntimeError(f'{item["name"]}: not found in the built tree')

    def hold(self, tree, target):
        """A process that maps @target and waits."""
        if not self.holder.exists():
            source = self.work / 'holder.c'
            source.write_text(HOLDER)
            must(['cc', '-shared', '-fPIC', '-o', str(self.holder), str(source)])
        path = tree / target
        if '.so' in path.name:
            # The holder comes last: constructors run in the reverse order of the preload list.
            return subprocess.Popen(['/bin/cat'], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                    env={'LD_PRELOAD': str(path), 'PATH': '/usr/bin:/bin'})
        return subprocess.Popen([str(path)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                env={'LD_PRELOAD': str(self.holder), 'PATH': '/usr/bin:/bin', 'LD_LIBRARY_PATH': self.libraries(tree)})

    @staticmethod
    def libraries(tree):
        return ':'.join(sorted({str(file.parent) for file in tree.rglob('*.so*') if file.is_file()}))

    def apply(self, tree, out):
        """Applies, deactivates and unloads every object of the bundle in a held process; "" or what went wrong."""
        manifest = next(out.glob('*/patch.json'))
        for item in json.loads(manifest.read_text())['objects']:
            built, target = self.built(tree, item)
            process = self.hold(built, target)
            try:
                wait_mapped(process, built / target)
                for step in ('apply', 'deactivate', 'unload'):
                    done = run([self.options.lp_live, step, str(manifest.parent / item['entity']), str(process.pid)])
                    if done.returncode:
                        return f'{item["name"]}: {step}: {done.stdout.strip()[-300:]}'
                    if process.poll() is not None:
                        return f'{item["name"]}: {step}: the process died ({process.returncode})'
            finally:
                process.kill()
                process.wait()
        return ''

    def one(self, fix):
        started = time.monotonic()
        result = {'package': fix['package'], 'fix': fix['fix'], 'effect': fix['effect'], 'applied': ''}
        try:
            missing = missing_packages(fix['dependencies']) if fix['dependencies'] else []
            if missing and self.options.install:
                must(['apt-get', '-q', '-y', '--no-install-recommends', 'install', *missing],
                     env={**os.environ, 'DEBIAN_FRONTEND': 'noninteractive'})
            elif missing:
                raise RuntimeError(f'not installed: {" ".join(missing)}')
            outcome, message, tree, out = self.build(fix)
            result.update(outcome=outcome, message=message)
            if outcome == 'built' and self.options.lp_live:
                wrong = self.apply(tree, out)
                result['applied'] = wrong or 'yes'
        except Unavailable as error:
            result.update(outcome='unavailable', message=str(error))
        except (RuntimeError, OSError, StopIteration) as error:
            result.update(outcome='error', message=str(error).strip())
        good = result['outcome'] in EXPECTED[fix['effect']] and result['applied'] in ('', 'yes')
        result.update(good=good, seconds=round(time.monotonic() - started, 1))
        return result


def build_id(file):
    done = run(['readelf', '-n', str(file)])
    return done.stdout


def wait_mapped(process, path):
    wanted = os.path.realpath(path)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if wanted in Path(f'/proc/{process.pid}/maps').read_text():
                return
        except OSError:
            pass
        time.sleep(0.01)
    raise RuntimeError(f'{wanted}: no process could be held that maps it')


def choose(options):
    fixes = json.loads((HERE / 'fixes.json').read_text())
    if options.core:
        fixes = [fix for fix in fixes if fix['core']]
    if options.package:
        fixes = [fix for fix in fixes if fix['package'] in options.package]
    if options.fix:
        fixes = [fix for fix in fixes if any(word in fix['fix'] for word in options.fix)]
    return fixes


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('--core', action='store_true')
    parser.add_argument('--package', action='append')
    parser.add_argument('--fix', action='append')
    parser.add_argument('--work', default=os.path.expanduser('~/.cache/syscare-corpus'))
    parser.add_argument('--results')
    parser.add_argument('--tap', action='store_true')
    parser.add_argument('--install', action='store_true')
    parser.add_argument('--fresh', action='store_true')
    parser.add_argument('--syscare', required=True)
    parser.add_argument('--lp-live')
    options = parser.parse_args()

    runner, results = Runner(options), []
    fixes = choose(options)
    if options.tap:
        print(f'1..{len(fixes)}', flush=True)
    for number, fix in enumerate(fixes, 1):
        result = runner.one(fix)
        results.append(result)
        word = 'ok' if result['good'] else 'not ok'
        line = f'{fix["package"]} {fix["fix"]} ({fix["effect"]}): {result["outcome"]}'
        line += f', applied: {result["applied"]}' if result['applied'] else ''
        print(f'{word} {number} - {line}' if options.tap else f'{word:<7}{result["seconds"]:>7} s  {line}')
        if result.get('message'):
            print(f'# {result["message"]}')
        sys.stdout.flush()
        if options.results:
            Path(options.results).write_text(json.dumps(results, indent=1))
    if not options.tap:
        count = collections.Counter(result['outcome'] for result in results)
        applied = sum(result['applied'] == 'yes' for result in results)
        print(f'{len(results)} fixes: ' + ', '.join(f'{number} {word}' for word, number in count.most_common()) + f'; {applied} applied')
    return 0 if all(result['good'] for result in results) else 1


if __name__ == '__main__':
    sys.exit(main())
