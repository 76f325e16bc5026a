# SPDX-License-Identifier: GPL-2.0-or-later
"""A small program with its source tree, its fixes and a running copy, for tests of the whole product that need no redis.

Must not know what SysCare does with it."""
import os
import subprocess

SOURCE = '''/* Answers each number that it is told with another one. */
#include <stdio.h>

int factor = 2;
static int asked;

__attribute__ ((noinline)) int
answer (int question)
{
  asked++;
  return question * factor;
}

int
main (void)
{
  int question;
  while (scanf ("%d", &question) == 1)
    {
      printf ("%d\\n", answer (question));
      fflush (stdout);
    }
  return 0;
}
'''
# No path of the tree gets into the file, so that every build of it is the same file.
MAKEFILE = 'toy: toy.c\n\tgcc -O2 -g -ffile-prefix-map=$(CURDIR)=. -Wl,--build-id -o $@ toy.c\n'


def fix(old, new, source=SOURCE):
    """A unified diff of toy.c in which the line @old reads @new."""
    lines = source.splitlines()
    at = lines.index(old)
    first = max(0, at - 3)
    last = min(len(lines), at + 4)
    body = [(' ' + line) for line in lines[first:at]] + ['-' + old, '+' + new] + [(' ' + line) for line in lines[at + 1:last]]
    count = last - first
    return f'--- a/toy.c\n+++ b/toy.c\n@@ -{first + 1},{count} +{first + 1},{count} @@\n' + '\n'.join(body) + '\n'


FIXES = {
    'good': fix('  return question * factor;', '  return question * factor + 1;'),
    'other': fix('  return question * factor;', '  return question * factor + 2;'),
    'comment': fix('/* Answers each number that it is told with another one. */', '/* Answers every number that it is told with another one. */'),
    'initial value': fix('int factor = 2;', 'int factor = 3;'),
    'breaks the build': fix('  return question * factor;', '  return question * no_such_variable;'),
    'elsewhere': fix('  return question * factor;', '  return question;', SOURCE.replace('  asked++;', '  asked += 7;\n  asked--;\n  asked--;')
                     .replace('answer (int', 'reply (long')),
}


def make_tree(folder, source=SOURCE, makefile=MAKEFILE):
    os.makedirs(folder)
    for name, text in (('toy.c', source), ('Makefile', makefile)):
        with open(os.path.join(folder, name), 'w', encoding='utf-8') as file:
            file.write(text)
    return folder


class Toy:
    """A running toy; asking it is an event, so nobody has to sleep."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding='utf-8')
        self.pid = self.process.pid

    def ask(self, number):
        self.process.stdin.write(f'{number}\n')
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        self.process.wait()
