#!/usr/bin/python3
"""setup and its undo on two instances of Postfix, killed between the programs that they start: whatever was done, a
second run leads to the one end, and an undo to the other, in both.
"""
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from house import House  # noqa: E402
from postfix import Postfix  # noqa: E402
from scratch import read, run, write  # noqa: E402
from tap import check, done, note  # noqa: E402

# Killed before which of the programs that it starts, counted from the last: postconf and postfix check for one instance
# after the other, then postfix status for both.
KILLS = {(): (6,), ("--undo",): (4,)}


class Pair:
    def __init__(self):
        self.h = House("transport_maps = inline:{out.example=discard:}\n", collect_log=False)
        os.mkdir(self.h.path("second"))
        self.all = [self.h.postfix, Postfix(self.h.path("second"))]
        self.h.write_settings(postfix_config_directory=", ".join(i.config for i in self.all))

    def files(self):
        return {path: read(path) for i in self.all for path in (f"{i.config}/main.cf", f"{i.config}/master.cf")}

    def put(self, files):
        """Old files, so that postconf need not wait until they have aged."""
        for path, text in files.items():
            os.utime(write(path, text), (1000000000, 1000000000))

    def ours(self):
        """How many of the four files have words of ours."""
        return sum(b"vlocal" in text for text in self.files().values())

    def strace(self, inject, *args):
        """setup, killed or not. Returns what strace saw it do."""
        log = self.h.path("strace.log")
        run(["/usr/bin/strace", "-qq", "-o", log, "-e", "trace=clone,clone3,fork,vfork", *inject,
             f"{self.h.bin}/postfix-virtual", "-c", self.h.etc, "setup", "--yes", *args], timeout=120)
        return read(log)

    def setup(self, *args):
        return self.h.admin("setup", "--yes", *args).returncode


def started(log):
    return len(re.findall(rb"^(?:clone3?|v?fork)\(", log, re.M))


def in_order(files):
    """postconf adds lines in an order of its own."""
    return {path: sorted(text.splitlines()) for path, text in files.items()}


def wrong_files(what, files, want):
    """A line for each file that is not as it should be."""
    files, want = in_order(files), in_order(want)
    return [f"{what}: {path} has {[l for l in files[path] if l not in want[path]]}, lacks {[l for l in want[path] if l not in files[path]]}"
            for path in want if files[path] != want[path]]


def kills(p, plain, whole, args):
    """Kill it before some of the programs that it starts. Returns what each kill left, and what was wrong afterwards."""
    left, wrong = [], []

    def begin():
        if args:
            p.setup()
        p.put(whole if args else plain)

    begin()
    total = started(p.strace([], *args))
    p.setup("--undo")
    for back in KILLS[args]:
        p.put(plain)
        begin()
        log = p.strace(["-e", f"inject=clone,clone3,fork,vfork:signal=KILL:when={total - back}"], *args)
        what = f"{args}, killed before the last but {back}"
        if b"killed by SIGKILL" not in log:
            wrong.append(f"{what}: not killed")
        left.append(p.ours())
        if args:
            p.setup()
            wrong += wrong_files(f"{what}, setup", p.files(), whole)
        p.setup("--undo")
        wrong += wrong_files(f"{what}, undo", p.files(), plain)
    return left, wrong


def main():
    p = Pair()
    plain = p.files()
    p.setup()
    whole = p.files()
    p.setup("--undo")
    check("undone, all is as before", p.files() == plain, p.files())
    for args in KILLS:
        left, wrong = kills(p, plain, whole, args)
        note(f"files with our words after a kill: {left}")
        check(f"setup {' '.join(args)}: some kills left one instance done and the other not", any(0 < n < 4 for n in left), left)
        check(f"setup {' '.join(args)}: each of {len(left)} kills can be carried on with, and undone", not wrong, "\n".join(wrong))
    done()


main()
