#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The lookout: who maps the code of a file that nobody knows is asked about once, and a copy of a target's file is found under any name, wherever and
however it is mapped.

Usage: lookout-test.py LP-DIFF LP-TRIGGER (as root)"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'live'))
from fuse import SilentFile  # noqa: E402
from targets import PATIENT, SILENT, Target, Trigger, expect, must, run_tests, start  # noqa: E402

SETTLED = 4.5  # seconds: a file that was changed later isn't known yet
# Loads the library by hand: its segments at addresses of the program's choice, in the middle of a hole. Calls answer(), which needs nothing else, at the
# offset that it is given, until it says something new.
BY_HAND = '''
    #include <elf.h>
    #include <fcntl.h>
    #include <stdlib.h>
    #include <sys/mman.h>
    #include <unistd.h>
    int main (int argc, char **argv)
    {
      int fd = open (argv[1], O_RDONLY);
      static char head[4096];
      Elf64_Ehdr *header = (Elf64_Ehdr *)head;
      Elf64_Phdr *segment = (Elf64_Phdr *)(head + 64);
      char *base = mmap (NULL, 64 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (fd < 0 || read (fd, head, sizeof head) < 64)
        return 2;
      base += 16 << 20;
      for (int i = 0; i < header->e_phnum; i++)
        {
          unsigned long skip = segment[i].p_vaddr & 4095;
          int prot = (segment[i].p_flags & PF_X ? PROT_EXEC : 0) | (segment[i].p_flags & PF_W ? PROT_WRITE : 0) | PROT_READ;
          if (segment[i].p_type == PT_LOAD && mmap (base + segment[i].p_vaddr - skip, segment[i].p_filesz + skip, prot, MAP_PRIVATE | MAP_FIXED, fd,
                                                    segment[i].p_offset - skip) == MAP_FAILED)
            return 3;
        }
      close (fd);
      int (*answer) (int) = (int (*) (int))(base + strtoul (argv[2], NULL, 16));
      for (int i = 0; i < 500; i++, usleep (10000))
        if (answer (i) == i + 2)
          return 0;
      return 1;
    }
'''


# Needs nothing that a dynamic linker would have to see to.
LEAF = '''
    int answer (int x);
    __attribute__ ((noinline, noipa)) int
    answer (int x)
    {
    #ifdef PATCHED
      return x > 1000000 ? x / 7 : x + 2;
    #else
      return x > 1000000 ? x / 9 : x + 1;
    #endif
    }
'''
# Maps a file as code, and touches nothing of it.
MAPS = '''
    #include <fcntl.h>
    #include <stdio.h>
    #include <sys/mman.h>
    int main (int argc, char **argv)
    {
      puts (mmap (NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, open (argv[1], O_RDONLY), 0) != MAP_FAILED ? "mapped" : "not mapped");
      fflush (stdout);
      getchar ();
      return 0;
    }
'''
# The same without any library.
BARE = '''
    static long call (long number, long a, long b)
    {
      long result;
      __asm__ volatile ("syscall" : "=a" (result) : "a" (number), "D" (a), "S" (b) : "rcx", "r11", "memory");
      return result;
    }
    __attribute__ ((force_align_arg_pointer)) void _start (void)
    {
      long pause[2] = { 0, 10000000 };
      int old = 1;
      for (int i = 0; i < 500 && old; i++)
        {
          old = answer (i) != i + 2;
          call (35, (long)pause, 0);
        }
      call (60, old, 0);
      __builtin_unreachable ();
    }
'''


def expect_found(*command):
    expect(start(*command).returncode, 0, f'{command} never ran the new function')


def asked_for(trigger, what, times=1):
    """How many mappings were asked about while @what ran so often."""
    before = trigger.counts()['asked']
    for _ in range(times):
        expect(start(*what).returncode, 0, what)
    time.sleep(0.2)
    return trigger.counts()['asked'] - before


def once(things):
    """Of 300 starts of a program, each with an interpreter and a library, only the first is asked about; whatever else the machine starts meanwhile is, too."""
    time.sleep(SETTLED)
    with Trigger(things.program) as trigger:
        expect(asked_for(trigger, ['/bin/true']) >= 1, True, 'it was not known before')
        for what in ('/bin/true', things.program.path):
            asked = asked_for(trigger, [what], 300)
            expect(asked < 150, True, f'asked {asked} times for {what}')


def in_its_place(things):
    """A file that is known to be something else, written over in its place: the same name, the same inode."""
    file = things.folder / 'in-place'
    shutil.copy('/bin/true', file)
    time.sleep(SETTLED)
    with Trigger(things.program) as trigger:
        asked_for(trigger, [file])
        expect(asked_for(trigger, [file], 100) < 50, True, 'it is known')
        file.write_bytes(things.program.path.read_bytes())
        expect_found(file)
        expect(trigger.finish()[1]['spotted'] >= 1, True, 'spotted')


def at_once_in_its_place(things):
    """The same within the same moment of the file system's clock."""
    file = things.folder / 'at-once'
    other, target = Path('/bin/true').read_bytes(), things.program.path.read_bytes()
    size = max(len(other), len(target))
    other, target = other.ljust(size, b'\0'), target.ljust(size, b'\0')
    with Trigger(things.program):
        for _ in range(20):
            file.write_bytes(other)
            file.chmod(0o755)
            expect(start(file).returncode, 0)
            file.write_bytes(target)
            expect_found(file)
            file.unlink()


def under_any_name(things):
    """A program started by ld.so by hand, and a library that is mapped by hand at a fixed address; neither is named as such."""
    program, library = things.folder / 'some data', things.folder / 'other data'
    shutil.copy(things.program.path, program)
    shutil.copy(things.library.path, library)
    must('chmod', '+x', program)
    with Trigger(things.program):
        expect_found('/lib64/ld-linux-x86-64.so.2', program)
    offset = next(line.split()[1] for line in must('readelf', '-sW', things.library.path).splitlines() if line.endswith(' answer'))
    with Trigger(things.library):
        expect_found(things.by_hand, library, offset)


def text_first(things):
    """Programs as old distributions link them, whose code is the first segment, so that it is mapped with another end at first: a stripped copy is found, and
    others are asked about once."""
    layout = '-Wl,-z,noseparate-code'
    program = Target(things.folder, 'text-first', ['-pie', layout], main=PATIENT, answer=SILENT)
    stripped, other = things.folder / 'stripped', things.folder / 'other-text-first'
    must('strip', '-o', stripped, program.path)
    must('gcc', '-O2', layout, things.folder / 'true.c', '-o', other)
    time.sleep(SETTLED)
    with Trigger(program) as trigger:
        expect_found(stripped)
        asked_for(trigger, [other])
        asked = asked_for(trigger, [other], 100)
        expect(asked < 50, True, f'asked {asked} times for {other}')


def file_system(folder, image):
    """@folder, where the file system in @image is mounted."""
    folder.mkdir(exist_ok=True)
    must('mount', '-o', 'loop', image, folder)
    return folder


def in_clone(things):
    """The same file in a copy of its whole file system: the same number, size and times, and another file."""
    image, clone, folders = things.folder / 'image', things.folder / 'clone', []
    must('truncate', '-s', '16M', image)
    must('mkfs.ext4', '-q', '-F', image)
    try:
        folders.append(file_system(things.folder / 'original', image))
        target = Target(folders[0], 'cloned', ['-pie'], main=PATIENT, answer=SILENT)
        must('umount', folders.pop())
        shutil.copy(image, clone)
        folders += [file_system(things.folder / 'original', image), file_system(things.folder / 'cloned', clone)]
        twin = folders[1] / 'cloned' / 'cloned'
        mine, other = target.path.stat(), twin.stat()
        expect((other.st_ino, other.st_size, other.st_ctime_ns), (mine.st_ino, mine.st_size, mine.st_ctime_ns), 'nothing but the device tells them apart')
        time.sleep(SETTLED)
        with Trigger(target) as trigger:
            asked = asked_for(trigger, [target.path], 100)
            expect(asked < 50, True, f'asked {asked} times for the file that is watched')
            expect_found(twin)
            expect(trigger.finish()[1]['spotted'] >= 1, True, 'spotted')
    finally:
        for folder in folders:
            must('umount', '-l', folder)


def as_interpreter(things):
    """A copy of the file is the interpreter of an ELF program: the kernel itself maps it."""
    copy, user = things.folder / 'interpreter', things.folder / 'interpreted'
    shutil.copy(things.bare.path, copy)
    must('gcc', '-O2', f'-Wl,--dynamic-linker={copy}', things.folder / 'true.c', '-o', user)
    with Trigger(things.bare):
        expect_found(user)


def beside_held(things):
    """A program that is held at the gate itself while the kernel maps a copy of a target for it, as its interpreter: of the same target here, in which case the
    process is patched in its first copy only."""
    for number in range(10):
        copy = things.folder / f'beside-held-{number}'
        program = Target(things.folder, f'held-{number}', ['-pie', '-nostdlib', f'-Wl,--dynamic-linker={copy}'], main=BARE.replace('500', '20'), answer=LEAF)
        shutil.copy(program.path, copy)
        with Trigger(program) as trigger:
            start(program.path)
            counts = trigger.finish()[1]
            expect((counts['patched'], counts['spotted']), (1, 1), 'the program is patched at the gate, and the copy is seen')


def many(things):
    """600 files that nobody knows are started at once, more than wait for their turn, and a copy of the target among them."""
    folder = things.folder / 'many'
    folder.mkdir()
    for number in range(600):
        shutil.copy('/bin/true', folder / f'{number}')
    copy = folder / 'copy'
    shutil.copy(things.program.path, copy)
    with Trigger(things.program) as trigger:
        expect_found('sh', '-c', f'for i in $(seq 0 599); do {folder}/$i & done; exec {copy}')
        expect(trigger.finish()[1]['asked'] > 100, True, 'asked')
    shutil.rmtree(folder)


def silent(things):
    """A file whose file system doesn't answer: the others are found all the same, and the trigger's end waits for nobody."""
    file = SilentFile(str(things.folder / 'fuse'))
    copy, other = things.folder / 'beside', things.folder / 'other'
    try:
        with Trigger(things.program) as trigger, \
                subprocess.Popen([things.maps, file.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as mapping:
            expect(mapping.stdout.readline(), 'mapped\n', 'it is mapped')
            expect(file.asked.wait(30), True, 'somebody has asked')
            shutil.copy(things.program.path, copy)
            expect_found(copy)
            until = time.monotonic() + 60
            while True:
                shutil.copy('/bin/true', other)
                if asked_for(trigger, [other]) == 0:
                    break
                other.unlink()
                expect(time.monotonic() < until, True, 'the lookout is given up')
            copy.unlink()
            shutil.copy(things.program.path, copy)
            expect_found(copy)
            trigger.finish()  # while somebody of its waits for the file
            mapping.communicate()
    finally:
        file.close()


def killed(things):
    """The one who opens the files is killed."""
    copy = things.folder / 'after'
    shutil.copy(things.program.path, copy)
    with Trigger(things.program) as trigger:
        children = Path(f'/proc/{trigger.process.pid}/task/{trigger.process.pid}/children').read_text().split()
        asker = [int(pid) for pid in children if Path(f'/proc/{pid}/comm').read_text() == 'syscare-asker\n']
        expect(len(asker), 1, children)
        os.kill(asker[0], signal.SIGKILL)
        expect_found(copy)


def without(things):
    """Where the kernel has no lookout, all of its mmap events are read."""
    copy = things.folder / 'read'
    with Trigger(things.program, options=('--without=lookout',)) as trigger:
        expect(asked_for(trigger, ['/bin/true']), 0, 'asked')
        shutil.copy(things.program.path, copy)
        expect_found(copy)
        expect(trigger.finish()[1]['spotted'] >= 1, True, 'spotted')


class Things:
    def __init__(self, folder):
        self.folder = folder
        self.program = Target(folder, 'program', ['-pie'], main=PATIENT.replace('500', '3000'), answer=SILENT)
        self.bare = Target(folder, 'bare', ['-static-pie', '-nostdlib'], main=BARE, answer=LEAF)
        self.library = Target(folder, 'libanswer.so', ['-shared', '-Wl,-soname,libanswer.so', '-nostdlib'], ['-O2', '-fPIC'], main='', answer=LEAF)
        (folder / 'true.c').write_text('int main (void) { return 0; }\n')
        (folder / 'maps.c').write_text(MAPS)
        self.maps = folder / 'maps'
        must('gcc', '-O2', folder / 'maps.c', '-o', self.maps)
        (folder / 'by-hand.c').write_text(BY_HAND)
        self.by_hand = folder / 'by-hand'
        must('gcc', '-O2', folder / 'by-hand.c', '-o', self.by_hand)


TESTS = [
    ('the files of a program are asked about once, and those that are watched not at all', once),
    ('a known file is written over with the target: it is found (hazard 27)', in_its_place),
    ('the same within the same moment (hazard 27)', at_once_in_its_place),
    ('copies under any name, by ld.so and by hand at a fixed address (hazard 27)', under_any_name),
    ('a program whose code is its first segment: a stripped copy is found, others are asked about once (hazard 27)', text_first),
    ('a copy of the file system that the file lies in: the file there is found, and the one here is not asked about each time (hazard 27)', in_clone),
    ("a copy as another program's interpreter (hazard 27)", as_interpreter),
    ('a copy in a program that is held at the gate: it is found (hazard 27)', beside_held),
    ('600 unknown files at once, and a copy among them (hazard 23)', many),
    ("a file that doesn't answer: the events take over, nobody waits (hazard 23)", silent),
    ('who asks is killed: the events take over', killed),
    ('without the lookout', without),
]


def main():
    with tempfile.TemporaryDirectory(prefix='lookout-test.') as folder:
        print(f'1..{len(TESTS)}', flush=True)
        return run_tests(TESTS, Things(Path(folder)))


if __name__ == '__main__':
    sys.exit(main())
