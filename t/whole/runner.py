#!/usr/bin/python3
"""t/run itself: what must make a test run fail does."""
import os
import shutil
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import scratch  # noqa: E402
from tap import check, contains, done, equal  # noqa: E402
from scratch import TOP, write  # noqa: E402

GOOD = "echo 'ok 1 - a'; echo 'ok 2 - b'; echo 1..2"

# name, what the test does, the last line of the run, what else the run must say
CASES = [
    ("good", GOOD, "2 passed, 0 failed", "ok   whole/good"),
    ("bad", "echo 'ok 1 - a'; echo 'not ok 2 - b'; echo 1..2; exit 1", "1 passed, 1 failed", "| not ok 2 - b"),
    ("bad_but_status_0", "echo 'ok 1 - a'; echo 'not ok 2 - b'; echo 1..2", "1 passed, 1 failed", "FAIL"),
    ("status", GOOD + "; exit 3", "2 passed, 1 failed", "exit status 3"),
    ("signal", GOOD + "; kill -SEGV $$", "2 passed, 1 failed", "ended by signal 11"),
    ("silent", "exit 0", "0 passed, 1 failed", "no test was run"),
    ("no_plan", "echo 'ok 1 - a'", "1 passed, 1 failed", "planned 0 tests, ran 1"),
    ("stopped_early", "echo 1..3; echo 'ok 1 - a'", "1 passed, 1 failed", "planned 3 tests, ran 1"),
    ("skipped", "echo 'ok 1 - a'; echo 'ok 2 - b # SKIP no such thing'; echo 1..2", "1 passed, 0 failed, 1 skipped", "1 skipped"),
    ("skipped_by_cmocka", "echo 'ok 1 - a'; echo 'not ok 2 # SKIP b'; echo 1..2", "1 passed, 0 failed, 1 skipped", "1 skipped"),
    ("slow", GOOD + "; exec sleep 60", "2 passed, 1 failed", "took longer than 2 s"),
    ("process", "setsid sleep 60 >/dev/null 2>&1 & " + GOOD, "2 passed, 1 failed", "left behind: process"),
    ("daemon", "(setsid sh -c 'sleep 60 & exit 0' >/dev/null 2>&1 &); sleep 0.3; " + GOOD, "2 passed, 1 failed", "left behind: process"),
    ("file", 'touch "$TMPDIR/x"; ' + GOOD, "2 passed, 1 failed", "left behind: "),
    ("account", "echo x:x:1:1::/:/bin/false >>/etc/passwd; " + GOOD, "2 passed, 1 failed", "not as before: new: /etc/passwd: x:x:1:1"),
    ("tmp", 'touch /tmp/pv-runner-test.$PPID; ' + GOOD, "2 passed, 1 failed", "the machine is not as before: new: /tmp/pv-runner-test."),
]


def run_in(tree, *args):
    """t/run of a tree, with /tmp, /var/tmp and /etc of its own: what others do there meanwhile is no part of this test."""
    # Disks of other tests come along, and would go when those remove their folders.
    inside = ("for m in $(cut -d' ' -f2 /proc/self/mounts | grep -E '^(/var)?/tmp/'); do umount -l $m; done; "
              f"mount --bind {tree} /mnt && mount --bind /mnt/etc /etc && mount -t tmpfs tmpfs /var/tmp && "
              "mount -t tmpfs tmpfs /tmp && exec /mnt/t/run --seconds 2 \"$@\"")
    return scratch.run(["/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", inside, "sh", *args])


def make_tree(name, body):
    tree = os.path.join(scratch.folder(), "tree")
    os.makedirs(os.path.join(tree, "t", "whole"))
    os.mkdir(os.path.join(tree, "etc"))
    for file in ("passwd", "group"):
        shutil.copy(os.path.join("/etc", file), os.path.join(tree, "etc"))
    shutil.copy(os.path.join(TOP, "t", "run"), os.path.join(tree, "t", "run"))
    if name:
        write(os.path.join(tree, "t", "whole", name + ".py"), "#!/bin/sh\n" + body + "\n", 0o755)
    return tree


def one_case(name, body, last, part):
    r = run_in(make_tree(name, body))
    text = r.stdout.decode()
    equal(f"{name}: the run closes with `{last}`", text.splitlines()[-1:], [last])
    equal(f"{name}: and its status says so", r.returncode, 0 if " 0 failed" in last else 1)
    contains(f"{name}: it says why", text, part)


def what_is_no_test(tree):
    r = run_in(tree)
    check("a run of nothing fails", r.returncode == 1 and b"nothing was run" in r.stdout, r)
    r = run_in(tree, "whole/nosuch")
    check("an unknown name fails", r.returncode == 1 and b"there is no test whole/nosuch" in r.stderr, r)


def not_built(tree):
    os.makedirs(os.path.join(tree, "t", "unit"))
    write(os.path.join(tree, "t", "unit", "x_test.c"), "")
    r = run_in(tree)
    check("a unit test that was not built fails", r.returncode == 1 and b"x_test is not there" in r.stdout, r)
    write(os.path.join(tree, "t", "whole", "plain.py"), "#!/bin/sh\n" + GOOD, 0o644)
    r = run_in(tree, "whole")
    check("a test that is not executable fails", r.returncode == 1 and b"not executable" in r.stdout, r)


def main():
    scratch.need_root()
    for case in CASES:
        one_case(*case)
    what_is_no_test(make_tree(None, None))
    not_built(make_tree(None, None))
    done()


main()
