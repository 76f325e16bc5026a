#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Parser, help, man pages and completions agree on verbs and options: each is compared with the verb table (`help --json`).

Must not need the service."""
import glob
import json
import os
import re
import subprocess
import tempfile

from tap import SOURCE, SYSCARE, case, contains, environment, equal, error_form, main, syscare

TABLE = {verb['name']: verb for verb in json.loads(syscare('help', '--json').stdout)['verbs']}
ANYWHERE = {'json', 'bus', 'host', 'no-ask-password', 'help', 'version'}  # taken in front of the verb too
OPTION = re.compile(r'--([a-z][a-z-]*)')
DOCS = os.path.join(SOURCE, 'docs')
COMPLETION = os.path.join(SOURCE, 'cli', 'completion')


def options_of(verb):
    return {option['name'] for option in verb['options']}


def rendered(page):
    """A man page as text, without overstriking."""
    done = subprocess.run(['mandoc', '-T', 'utf8', '-O', 'width=200', os.path.join(DOCS, page)], stdout=subprocess.PIPE, encoding='utf-8',
                          check=True)
    return re.sub('.\b', '', done.stdout)


def section(text, title):
    """Lines between the section @title and the next one."""
    found = re.search(rf'^{re.escape(title)}\n(.*?)(?=^\S|\Z)', text, re.MULTILINE | re.DOTALL)
    if not found:
        raise AssertionError(f'no section {title}')
    return found.group(1)


def paragraphs(text, indent='       '):
    """The tagged paragraphs of a section: tag line -> whole text."""
    result, tag = {}, None
    for line in text.splitlines():
        if line.startswith(indent) and line[len(indent):len(indent) + 1].strip():
            tag = line.strip()
            result[tag] = line
        elif tag:
            result[tag] += '\n' + line
    return result


def without_letter(tag):
    return OPTION.search(tag).group(1)


@case
def verbs_of_the_contract():
    """the table has every verb of the contract"""
    wanted = ('list info status target check apply active deactive remove accept revoke processes install uninstall rescan save restore '
              'history monitor inspect build help version').split()
    equal(list(TABLE), wanted)
    equal({name: verb['alias'] for name, verb in TABLE.items() if verb['alias']}, {'active': 'activate', 'deactive': 'deactivate'})


@case
def help_lists_options():
    """the help of each verb lists exactly its options, with their short forms"""
    for name, verb in TABLE.items():
        if name == 'build':
            continue
        text = syscare(name, '--help').stdout
        equal(text, syscare('help', name).stdout, name)
        listed = {long: short for short, long in re.findall(r'^  (?:-(\w), |    )--([a-z-]+)', text, re.MULTILINE)}
        equal(listed, {option['name']: option['letter'] for option in verb['options']}, name)


@case
def help_lists_verbs():
    """the help lists exactly the verbs"""
    block = syscare('help').stdout.split('Verbs:\n')[1].split('\n\n')[0]
    equal(re.findall(r'^  ([a-z]+)', block, re.MULTILINE), list(TABLE))


def with_value(option, prefix):
    return [prefix + option['letter' if prefix == '-' else 'name']] + ([option['values'][0] if option['values'] else 'x'] if option['argument'] else [])


@case
def parser_takes_its_options():
    """the parser takes all options of each verb, long and short, and refuses each option of another verb"""
    everything = {option['name']: option for verb in TABLE.values() for option in verb['options']}
    for name, verb in TABLE.items():
        if name == 'build':
            continue
        known = [option for option in everything.values() if option['name'] in options_of(verb) | ANYWHERE]
        syscare(name, *(word for option in known for word in with_value(option, '--')), '--help')
        syscare(name, *(word for option in known if option['letter'] for word in with_value(option, '-')), '--help')
        for option in everything.values():
            if option not in known:
                contains(error_form(syscare(name, *with_value(option, '--'), '--help', status=2))[0], '--' + option['name'])


@case
def aliases_work():
    """activate and deactivate are taken too"""
    equal(syscare('activate', '--help').stdout, syscare('active', '--help').stdout)
    equal(syscare('deactivate', '--help').stdout, syscare('deactive', '--help').stdout)


@case
def man_page_verbs():
    """syscare(1) describes exactly the verbs, each with exactly its options"""
    found = paragraphs(section(rendered('syscare.1'), 'VERBS'))
    equal([re.match(r'[a-z]+', tag).group(0) for tag in found], list(TABLE))
    for tag, text in found.items():
        name = re.match(r'[a-z]+', tag).group(0)
        alias = TABLE[name]['alias']
        if alias:
            contains(text, f'{alias} is the same')
        if name == 'help':
            continue
        mentioned = set(OPTION.findall(text)) - {'json'}
        equal(mentioned, options_of(TABLE[name]) - ANYWHERE, name)


@case
def man_page_options():
    """syscare(1) describes exactly the options, with their short forms and arguments"""
    found = paragraphs(section(rendered('syscare.1'), 'OPTIONS'))
    described = {without_letter(tag): (re.match(r'-(\w),', tag) or [None, ''])[1] for tag in found if tag.startswith('-')}
    described.pop('version')  # an option of the program, not of a verb
    wanted = {option['name']: option['letter'] for verb in TABLE.values() for option in verb['options']}
    equal(described, wanted)
    for verb in TABLE.values():
        for option in verb['options']:
            tag = next(tag for tag in found if tag.startswith('-') and without_letter(tag) == option['name'])
            argument = '|'.join(option['values']) if len(option['values']) in (2, 3) else option['argument']
            equal(tag.split('--')[1].partition(' ')[2], argument, option['name'])


@case
def build_agrees():
    """the parser, the help, the man page and the completion of build agree on its options and their values"""
    shown = syscare('build', '--help').stdout
    equal(syscare('help', 'build').stdout, shown)
    parsed = {long: (short, argument) for short, long, argument in re.findall(r'^  (?:-(\w), )?--([a-z-]+)(?:=(\S+))?', shown, re.MULTILINE)}
    text = rendered('syscare-build.1')
    tags = [tag for tag in paragraphs(section(text, 'OPTIONS')) if tag.startswith('-')]
    described = {}
    for tag in tags:
        rest = tag.split('--')[1].partition(' ')[2]  # a short tag has its text on the same line
        described[without_letter(tag)] = ((re.match(r'-(\w),', tag) or [None, ''])[1], rest if ' ' not in rest else '')
    equal(described, parsed)
    equal(set(completed('build', '--')), {'--' + name for name in parsed})
    for name, (short, argument) in parsed.items():
        # an option with a value is followed by candidates for it, one without by the same as before
        after = completed('build', '--' + name, '--')
        equal('--patch' in after, not argument, name)
        if short and argument:
            equal('--patch' in completed('build', '-' + short, '--'), False, name)


@case
def service_options_agree():
    """syscared(8) describes exactly the options of syscared, with their arguments"""
    shown = subprocess.run([os.environ['SYSCARED'], '--help'], stdout=subprocess.PIPE, encoding='utf-8', env=environment(), check=True).stdout
    parsed = dict(re.findall(r'^  (?:-\w, )?--([a-z-]+)(?:=(\S+))?', shown, re.MULTILINE))
    tags = [tag for tag in paragraphs(section(rendered('syscared.8'), 'OPTIONS')) if tag.startswith('-')]
    equal({without_letter(tag): (re.search(r'--[a-z-]+=(\S+)', tag) or [None, ''])[1] for tag in tags}, parsed)


@case
def settings_agree():
    """syscare.conf(5) describes exactly the settings that the service reads, with their groups, defaults and ranges"""
    with open(os.path.join(SOURCE, 'service', 'settings.c'), encoding='utf-8') as file:
        code = file.read()
    read = {(group, key): {'TRUE': 'true', 'FALSE': 'false'}[value]
            for group, key, value in re.findall(r'BOOLEAN \("([a-z]+)", "([a-z-]+)", \w+, (\w+)\)', code)}
    ranges = re.findall(r'NUMBER \("([a-z]+)", "([a-z-]+)", \w+, (\d+), (\d+), (\d+)\)', code)
    read.update({(group, key): value for group, key, value, _, _ in ranges})
    text = rendered('syscare.conf.5')
    described = {}
    for group in {group for group, _ in read}:
        for tag, words in paragraphs(section(text, f'[{group}]')).items():
            key, value = re.match(r'([a-z-]+)=(\w+)', tag).groups()
            described[(group, key)] = value
            for wanted_group, wanted_key, _, least, most in ranges:
                if (wanted_group, wanted_key) == (group, key):
                    contains(' '.join(words.split()), f'({least} to {most})')
    equal(described, read)


@case
def patch_format_agrees():
    """syscare-patch(5) names every member that docs/patch-format.md describes"""
    with open(os.path.join(DOCS, 'patch-format.md'), encoding='utf-8') as file:
        tables = file.read().split('## patch.json')[1].split('\n## ')[0]
    named = set()
    for cell in re.findall(r'^\| (`[^|]*) \|', tables, re.MULTILINE):
        named |= set(re.findall(r'`([a-z-]+)`', cell))
    page = set(re.findall(r'[a-z]+(?:-[a-z]+)*', section(rendered('syscare-patch.5'), 'PATCH.JSON')))
    equal(named - page, set())
    equal(len(named) > 20, True)


@case
def man_page_statuses():
    """syscare(1) describes the exit statuses 0 to 8"""
    found = paragraphs(section(rendered('syscare.1'), 'EXIT STATUS'))
    equal([tag.split()[0] for tag in found], [str(i) for i in range(9)])


@case
def man_pages_are_sound():
    """mandoc finds nothing to say about any man page, and each is installed"""
    with open(os.path.join(DOCS, 'meson.build'), encoding='utf-8') as file:
        installed = file.read()
    pages = sorted(glob.glob(os.path.join(DOCS, '*.[158]')))
    equal([os.path.basename(page) for page in pages],
          ['syscare-build.1', 'syscare-patch.5', 'syscare.1', 'syscare.conf.5', 'syscared.8'])
    for page in pages:
        done = subprocess.run(['mandoc', '-T', 'lint', '-W', 'warning', page], stdout=subprocess.PIPE, encoding='utf-8', check=False)
        equal(done.stdout, '', page)
        contains(installed, f"'{os.path.basename(page)}'")
    done = subprocess.run(['mandoc', '-T', 'lint', '-W', 'warning', os.environ['DBUS_REFERENCE']], stdout=subprocess.PIPE, encoding='utf-8', check=False)
    equal(done.stdout, '')


def completed(*words):
    text = syscare('__complete', *words).stdout
    return [line.split('\t')[0] for line in text.splitlines()]


@case
def completion_agrees():
    """the completion offers exactly the verbs, and behind each verb exactly its options"""
    equal(completed(''), list(TABLE))
    equal(completed('help', ''), list(TABLE))
    for name, verb in TABLE.items():
        if name == 'build':
            continue
        equal(set(completed(name, '--')), {'--' + option for option in options_of(verb)}, name)
        for option in verb['options']:
            if option['values']:
                equal(completed(name, '--' + option['name'], ''), option['values'], option['name'])


def in_path(folder):
    os.symlink(os.path.realpath(subprocess.run(['which', SYSCARE], stdout=subprocess.PIPE, encoding='utf-8', check=True).stdout.strip()),
               os.path.join(folder, 'syscare'))
    return environment(PATH=folder + ':' + os.environ['PATH'])


def with_syscare_in_path(function):
    with tempfile.TemporaryDirectory() as folder:
        return function(in_path(folder))


@case
def bash_completes():
    """bash completes verbs, options and their values"""
    script = f'''source {COMPLETION}/syscare.bash
        try () {{ COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _syscare; echo "${{COMPREPLY[*]}}"; }}
        complete -p syscare; try syscare dea; try syscare apply --no-; try syscare apply --on-failure ""; try syscare install /etc/passw'''
    out = with_syscare_in_path(lambda env: subprocess.run(['bash', '--norc', '-c', script], stdout=subprocess.PIPE, encoding='utf-8', env=env,
                                                          check=True).stdout).splitlines()
    equal(out[:4], ['complete -F _syscare syscare', 'deactive', '--no-activate --no-wait --no-ask-password', 'rollback keep'])
    contains(out[4].split(), '/etc/passwd')


@case
def fish_completes():
    """fish completes verbs, options and their values, with descriptions"""
    script = f'''source {COMPLETION}/syscare.fish
        complete -C "syscare dea"; complete -C "syscare apply --no-w"; complete -C "syscare apply --on-failure "; complete -C "syscare install /etc/passw"'''
    out = with_syscare_in_path(lambda env: subprocess.run(['fish', '--no-config', '-c', script], stdout=subprocess.PIPE, encoding='utf-8',
                                                          env=env, check=True).stdout).splitlines()
    equal(out[:2], ['deactive\tput the original code back', '--no-wait\tstart the job and return at once'])
    equal(sorted(line.strip() for line in out[2:4]), ['keep', 'rollback'])
    contains([line.split('\t')[0] for line in out[4:]], '/etc/passwd')


ZSH = r'''
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "stty -echo; PS1=; unsetopt zle_bracketed_paste; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D; print -r -- REA''DY"
zpty -r shell line '*READY*'
for typed in 'syscare dea' 'syscare apply --no-w' 'syscare apply --on-failure ke'; do
  zpty -w -n shell "$typed"$'\t'
  zpty -w -n shell $'\C-aprint -r -- "<\C-e>"\r'
  zpty -r shell line '*
<*>*'
  print -r -- "${${line##*$'\n'<}%%>*}"
done
zpty -d shell
'''


@case
def zsh_completes():
    """zsh completes verbs, options and their values"""
    out = with_syscare_in_path(lambda env: subprocess.run(['zsh', '-f', '-c', ZSH, 'zsh', COMPLETION], stdout=subprocess.PIPE, encoding='utf-8',
                                                          env={**env, 'TERM': 'dumb'}, timeout=60, check=True).stdout).splitlines()
    equal([line.strip() for line in out], ['syscare deactive', 'syscare apply --no-wait', 'syscare apply --on-failure keep'])


@case
def usage_errors():
    """a wrong command line is one line, a hint and status 2"""
    for words, part in ((['aply', 'x'], 'did you mean "apply"?'), (['qqqqqqq'], 'unknown verb "qqqqqqq"'), ([], 'a verb is missing'),
                        (['apply'], 'needs an argument'), (['list', 'x'], 'does not take'), (['apply', ''], 'an argument is empty'),
                        (['list', '--state', 'x'], 'takes one of'), (['list', '--frob'], '--frob'), (['history', '--since', 'x'], 'point in time'),
                        (['history', '--limit', '0'], '--limit'), (['apply', '--timeout', 'soon', 'x'], 'length of time'),
                        (['apply', '--reason'], '--reason'), (['check', 'apply'], 'an ID is missing'), (['help', 'x'], 'unknown verb'),
                        (['q\x1b[31m'], '\\x1b[31m')):
        line, _ = error_form(syscare(*words, status=2))
        contains(line, part)


main()
