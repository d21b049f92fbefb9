#!/usr/bin/env python3
"""`make install` and `make uninstall` into a folder, with a prefix of their own."""
import os
import stat
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from scratch import TOP, folder, must, read, run, write  # noqa: E402
from tap import check, done, equal  # noqa: E402

PREFIX = "/opt/pv"
PROGRAMS = ["bin/virtual-deliver", "sbin/make-postfix-maps", "sbin/postfix-virtual", "bin/virtual-checkpassword",
            "sbin/virtual-pop3d"]


class Installation:
    def __init__(self):
        self.top = folder()
        self.root = os.path.join(self.top, "root")

    def make(self, *words):
        # A build of its own: the flags differ, and other tests use the other one.
        return must(["make", "-s", "-C", TOP, f"B={self.top}/build", f"prefix={PREFIX}", f"DESTDIR={self.root}", *words],
                    timeout=500)

    def at(self, name):
        return self.root + PREFIX + "/" + name

    def files(self):
        """Every file and link below DESTDIR, without the prefix."""
        return sorted(os.path.relpath(os.path.join(top, n), self.root + PREFIX)
                      for top, _, names in os.walk(self.root) for n in names)


def what_is_there(i):
    files = i.files()
    for name in PROGRAMS:
        mode = os.lstat(i.at(name)).st_mode if name in files else 0
        check(f"{name} is installed, runs, and has no set-id bit", stat.S_IMODE(mode) == 0o755 and
              run([i.at(name), "--version"]).stdout, oct(mode))
    module = os.lstat(i.at("lib/postfix-virtual/virtual-pop3d.so"))
    equal("the module of virtual-pop3d is installed, root's alone to write", (stat.S_IMODE(module.st_mode), module.st_uid), (0o644, 0))
    equal("bin/virtual is a link to virtual-deliver", os.readlink(i.at("bin/virtual")), "virtual-deliver")
    pages = [f for f in files if f.startswith("share/man/")]
    equal("the man pages are installed by section", pages,
          ["share/man/man5/postfix-virtual-files.5", "share/man/man5/virtual.conf.5", "share/man/man8/make-postfix-maps.8",
           "share/man/man8/postfix-virtual.8", "share/man/man8/virtual-checkpassword.8",
           "share/man/man8/virtual-deliver.8", "share/man/man8/virtual-pop3d.8"])
    docs = "share/doc/postfix-virtual/"
    samples = {os.path.relpath(os.path.join(top, n), TOP) for top, _, names in os.walk(os.path.join(TOP, "samples"))
               for n in names}
    equal("the samples are installed as they lie here",
          {f[len(docs):] for f in files if f.startswith(docs + "samples/")}, samples)
    check("README, DESIGN, CHANGES and LICENSE are installed",
          {docs + n for n in ("README.md", "DESIGN.md", "CHANGES.md", "LICENSE")} <= set(files), files)
    left = [f for f in files if f.endswith(".new")]
    equal("no temporary file is left", left, [])
    wrong = [f for f in files if f.startswith("share/") and not f.endswith(".md") and b"/usr/local/" in read(i.at(f))]
    equal("no page and no sample names a path of another prefix", wrong, [])


def prefix_is_compiled_in(i):
    said = must([i.at("sbin/postfix-virtual"), "-c", folder(), "config"])
    check("what .forward files start is the installed program",
          f"delivery_program = {PREFIX}/bin/virtual-deliver\n" in said, said)


def again(i):
    """Over a running installation: by rename, and without touching what is not ours."""
    path = i.at("bin/virtual-deliver")
    with open(path, "rb") as running:
        before, inode = running.read(), os.fstat(running.fileno()).st_ino
        os.unlink(i.at("bin/virtual"))
        write(i.at("bin/virtual"), "somebody's own\n")
        i.make("install")
        running.seek(0)
        check("a program that runs meanwhile keeps its file", running.read() == before and os.stat(path).st_ino != inode)
    equal("a bin/virtual of somebody else stays", read(i.at("bin/virtual")), b"somebody's own\n")


def uninstall(i):
    i.make("uninstall")
    equal("uninstall leaves nothing of ours, and what is not ours", i.files(), ["bin/virtual"])
    os.unlink(i.at("bin/virtual"))
    i.make("install")
    i.make("uninstall")
    equal("and takes our own link away", i.files(), [])


def main():
    i = Installation()
    # Where the paths of files are, built with another prefix before: `make`, then `make install prefix=...`.
    i.make("prefix=/elsewhere", f"{i.top}/build/obj/postfix-virtual/lib/store/conf.o")
    i.make("install")
    what_is_there(i)
    prefix_is_compiled_in(i)
    again(i)
    uninstall(i)
    done()


main()
