#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the man page org.openeuler.SysCare1(5) from the prose in the interface files: dbus-reference.py OUT EXAMPLES XML...

The interface files are the documentation; this only gives it the form of a page. Must not add facts of its own."""
import re
import sys
from xml.etree import ElementTree

HEAD = '''.\\" SPDX-License-Identifier: GPL-2.0-or-later
.\\" Made from the interface files by docs/dbus-reference.py.
.TH ORG.OPENEULER.SYSCARE1 5 2026-11-23 "SysCare" "File Formats"
.SH NAME
org.openeuler.SysCare1 \\- the D\\-Bus interface of the SysCare service
'''


def escape(text):
    """Text for roff: nothing in it is a request or an escape."""
    text = text.replace('\\', '\\e').replace('-', '\\-')
    return re.sub(r"^([.'])", r'\\&\1', text, flags=re.MULTILINE)


def prose(text):
    """Words of a comment: references to members lose their prefix marks."""
    text = re.sub(r'#org\.openeuler\.SysCare1\.(\w+):(\w+)', r'\1.\2', text)
    text = re.sub(r'org\.openeuler\.SysCare1\.(Manager|Patch|Job)\.', r'\1.', text)
    return escape(' '.join(text.split()))


def parse_comment(comment):
    """The parts of a documentation comment: dictionary of @parameters, list of paragraphs."""
    parameters, paragraphs, target = {}, [], None
    for line in comment.strip().splitlines()[1:]:
        line = line.strip()
        at = re.match(r'@(\w+):\s*(.*)', line)
        if at:
            target = at.group(1)
            parameters[target] = at.group(2)
        elif not line:
            target = None
            paragraphs.append('')
        elif target:
            parameters[target] += ' ' + line
        else:
            paragraphs[-1:] = [(paragraphs[-1] if paragraphs else '') + ' ' + line]
    return parameters, [p.strip() for p in paragraphs if p.strip()]


def signature(member):
    def arguments(direction):
        return ', '.join(f'{a.get("type")} {a.get("name")}' for a in member.findall('arg') if a.get('direction', direction) == direction)
    if member.tag == 'property':
        return f'{member.get("name")} {member.get("type")}'
    if member.tag == 'signal':
        return f'{member.get("name")} ({arguments("out")})'
    answer = arguments('out')
    return f'{member.get("name")} ({arguments("in")})' + (f' -> ({answer})' if answer else '')


def print_member(out, member, comment):
    parameters, paragraphs = parse_comment(comment)
    out.append(f'.TP\n.B {escape(signature(member))}')
    first = True
    for paragraph in paragraphs:
        out.append(('' if first else '.IP\n') + prose(paragraph))
        first = False
    for name, text in parameters.items():
        out.append(f'.RS\n.TP\n.I {escape(name)}\n{prose(text)}\n.RE')


def print_interface(out, interface, comment):
    _, paragraphs = parse_comment(comment)
    out.append(f'.SH {interface.get("name").rsplit(".", 1)[1].upper()}\n.B {interface.get("name")}\n.PP')
    out.append('\n.PP\n'.join(prose(paragraph) for paragraph in paragraphs))
    kind, last = None, ''
    for node in interface:
        if node.tag is ElementTree.Comment:
            last = node.text
        elif node.tag in ('method', 'property', 'signal'):
            if node.tag != kind:
                kind = node.tag
                out.append({'method': '.SS Methods', 'property': '.SS Properties', 'signal': '.SS Signals'}[kind])
            print_member(out, node, last)


def print_examples(out, path):
    """Examples: blocks of shell lines, each below a line of prose that starts with '#'."""
    out.append('.SH EXAMPLES\nEach of these runs as it stands.')
    with open(path, encoding='utf-8') as file:
        blocks = file.read().split('\n\n')
    for block in blocks:
        lines = block.strip().splitlines()
        if not lines or lines[0].startswith('# SPDX'):
            continue
        out.append(f'.PP\n{escape(lines[0].lstrip("# "))}\n.PP\n.nf\n.RS\n' + '\n'.join(escape(line) for line in lines[1:]) + '\n.RE\n.fi')


def main(target, examples, *files):
    out = [HEAD.rstrip()]
    for path in files:
        parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
        last = ''
        for node in ElementTree.parse(path, parser).getroot():
            if node.tag is ElementTree.Comment:
                last = node.text
            elif node.tag == 'interface':
                print_interface(out, node, last)
    print_examples(out, examples)
    out.append('.SH SEE ALSO\n.BR syscare (1),\n.BR syscared (8),\n.BR busctl (1),\n.BR gdbus (1)')
    with open(target, 'w', encoding='utf-8') as file:
        file.write('\n'.join(line for line in out if line) + '\n')


main(*sys.argv[1:])
