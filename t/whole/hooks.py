#!/usr/bin/python3
"""Hooks: which are run, with which arguments and surroundings; what they say; those that are not to be trusted, that
fail, that hang; a hook that changes the same domain.
"""
import os
import re
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from house import HASH, House  # noqa: E402
from scratch import CLEAN_ENV, at_end, read, run, wait_for, write  # noqa: E402
from tap import check, contains, done, equal  # noqa: E402


class Hooks:
    def __init__(self):
        h = self.h = House()
        self.folder = os.path.join(h.etc, "hooks")
        self.out = h.path("out")
        self.a = h.account("a")
        os.mkdir(self.folder, 0o755)

    def put(self, event, script, mode=0o755, owner=None):
        return write(os.path.join(self.folder, event), "#!/bin/sh\n" + script, mode, owner)

    def clear(self):
        for name in os.listdir(self.folder):
            os.unlink(os.path.join(self.folder, name))

    def admin(self, line):
        r = self.h.admin(*line.split())
        return r.returncode, r.stdout.decode(), r.stderr.decode()

    def taken(self):
        """What hooks wrote, and forget it."""
        text = read(self.out).decode()
        if os.path.exists(self.out):
            os.unlink(self.out)
        return text.splitlines()

    def left(self):
        return [f for f in os.listdir(self.h.path("state", "events"))]


def events(k):
    """Every change has its event; `any` gets all."""
    name = k.a.pw_name
    k.put("any", f'echo "any $*" >>{k.out}\n')
    rows = [
        (f"domain add kvt.dk --account {name}", f"domain-add kvt.dk {name}"),
        ("domain set kvt.dk max_users=9", "domain-set kvt.dk"),
        ("domain alias kvt.org kvt.dk", "domain-alias kvt.org kvt.dk"),
        ("domain delete kvt.org --yes", "domain-delete kvt.org"),
        ("host-addresses set webmaster root", "host-addresses-set webmaster"),
        ("host-addresses delete webmaster", "host-addresses-delete webmaster"),
        (f"user add abc@kvt.dk --hash {HASH}", "user-add abc@kvt.dk"),
        (f"user password abc@kvt.dk --hash {HASH[:-1]}.", "user-password abc@kvt.dk"),
        ("user disable abc@kvt.dk", "user-disable abc@kvt.dk"),
        ("user enable abc@kvt.dk", "user-enable abc@kvt.dk"),
        ("user rename abc@kvt.dk def", "user-rename abc@kvt.dk def"),
        ("user delete def@kvt.dk --yes", "user-delete def@kvt.dk"),
        ("domain delete kvt.dk --yes", "domain-delete kvt.dk"),
    ]
    for line, event in rows:
        word = event.split()[0]
        k.put(word, f'echo "$(basename $0) $*" >>{k.out}\n')
        status, _, err = k.admin(line)
        equal(f"{line.split(' --')[0]}: its hook, then the one for all", (status, k.taken()), (0, [event, f"any {event}"]))
    page = read(os.path.join(os.path.dirname(__file__), "..", "..", "postfix-virtual", "admin", "postfix-virtual.8")).decode()
    documented = set(re.findall(r"^\.It Li (\S+) Ta", page, re.M))
    equal("postfix-virtual(8) has every event", {r[1].split()[0] for r in rows} - documented, set())
    equal("nothing is left to be run", k.left(), [])
    k.admin(f"domain add kvt.dk --account {name}")
    k.admin(f"user add abc@kvt.dk --hash {HASH}")
    k.taken()
    for line in ("domain add kvt.dk", "-n domain set kvt.dk max_users=1", "-n user delete abc@kvt.dk --yes", "user add abc@kvt.dk --random",
                 "domain set kvt.dk max_users=x", "user enable abc@kvt.dk", "domain list"):
        k.admin(line)
    equal("none for a dry run, a refusal, or where there is nothing to do", k.taken(), [])
    k.clear()


def surroundings(k):
    k.put("domain-set", f"""exec >>{k.out}
tr '\\0' '\\n' </proc/$$/environ
echo "cwd $(readlink /proc/$$/cwd)"
echo "stdin $(readlink /proc/$$/fd/0)"
echo "uid $(id -u)"
echo "group $(ps -o pgid= -p $$ | tr -d ' ') $$"
ls /proc/$$/fd
""")
    r = run([f"{k.h.bin}/postfix-virtual", "-c", k.h.etc, "domain", "set", "kvt.dk", "max_users=11"], env={"EVIL": "1", "LD_PRELOAD": "", "IFS": "x"})
    lines = k.taken()
    equal("the environment is PATH and LANG", sorted(l for l in lines if "=" in l), ["LANG=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"])
    words = dict(l.split(" ", 1) for l in lines if " " in l)
    equal("folder, input, user", (r.returncode, words["cwd"], words["stdin"], words["uid"]), (0, "/", "/dev/null", "0"))
    equal("a process group of its own", len(set(words["group"].split())), 1)
    # The shell itself has its script open, above 9.
    equal("no descriptor of ours", [l for l in lines if l.isdigit() and int(l) < 10], ["0", "1", "2"])
    k.clear()


def said(k):
    k.put("domain-set", 'echo "made $1"; printf "bad\\033[2J\\n" >&2; exit 3\n')
    status, out, err = k.admin("domain set kvt.dk max_users=12")
    equal("a hook that fails changes nothing", (status, out, "max_users=12" in read(f"{k.h.etc}/domains").decode()), (0, "domain kvt.dk changed\n", True))
    path = f"{k.folder}/domain-set"
    equal("what it says are notes", err.splitlines(), ["postfix-virtual: hook domain-set: made kvt.dk", "postfix-virtual: hook domain-set: bad?[2J",
                                                       f"postfix-virtual: {path} ended with status 3"])
    wait_for(lambda: "ended with status 3" in "\n".join(k.h.log.lines), 5)
    log = "\n".join(k.h.log.lines)
    check("and stand in the log", all(t in log for t in ("hook domain-set: made kvt.dk", "bad?[2J", "ended with status 3")), log)
    k.put("domain-set", "yes | head -c 100000\n")
    status, _, err = k.admin("domain set kvt.dk max_users=13")
    check("what says too much is cut", status == 0 and len(err) < 40000 and "more than can be held" in err, (status, err[-300:]))
    k.put("domain-set", "kill -9 $$\n")
    contains("one that is killed is told", k.admin("domain set kvt.dk max_users=14")[2], "domain-set was killed by signal 9")
    write(path, "no program\n", 0o755)
    contains("one that is no program is told", k.admin("domain set kvt.dk max_users=15")[2], "domain-set ended with status 127")
    k.clear()


def untrusted(k):
    number = iter(range(20, 40))
    script = f"echo ran >>{k.out}\n"
    path = f"{k.folder}/domain-set"

    def refused(why, mend):
        status, _, err = k.admin(f"domain set kvt.dk max_users={next(number)}")
        equal(f"{why}: not run, the change is made, and the mend is told", (status, mend in err, k.taken(), k.left()), (0, True, [], []))
        check("and nothing else is told", err.count("\n") == 1, err)
        k.clear()

    k.put("domain-set", script, 0o775)
    refused("writable by its group", f"{path} was not run: others may write to it: look at it, then chmod go-w it")
    k.put("domain-set", script, 0o757)
    refused("writable by others", "chmod go-w it")
    k.put("domain-set", script, 0o755, k.a)
    refused("an account's", f"it belongs to uid {k.a.pw_uid}: look at it, then chown root it")
    k.put("domain-set", script, 0o644)
    refused("not executable", "chmod u+x it")
    os.symlink(write(k.h.path("elsewhere"), "#!/bin/sh\n" + script, 0o755), path)
    refused("a symlink", "put the program itself there")
    os.mkfifo(path)
    refused("a FIFO", "it is no regular file")
    k.put("domain-set", script)
    os.chmod(k.folder, 0o777)
    status, _, err = k.admin(f"domain set kvt.dk max_users={next(number)}")
    os.chmod(k.folder, 0o755)
    equal("a folder that others may write to: not run", (status, "hooks has mode 0777" in err, k.taken()), (0, True, []))
    k.clear()


def nested(k):
    """Nothing is locked when a hook runs: it may change the same domain, and ends nowhere."""
    command = f"{k.h.bin}/postfix-virtual -c {k.h.etc}"
    k.put("domain-add", f'{command} user add info@$1 --hash \'{HASH}\' && {command} domain set $1 max_users=5\n')
    k.put("user-add", f'echo "user-add $*" >>{k.out}\n')
    status, _, err = k.admin(f"domain add nested.dk --account {k.a.pw_name}")
    equal("a hook changes its own domain", (status, k.taken(), k.left()), (0, ["user-add info@nested.dk"], []))
    contains("both changes are there", read(f"{k.h.etc}/domains").decode(), f"nested.dk account={k.a.pw_name} max_users=5\n")
    contains("and what they said", err, "user info@nested.dk added")
    k.clear()
    k.put("any", f'echo "$*" >>{k.out}; {command} domain list >/dev/null; sleep 0.05\n')
    children = [subprocess.Popen([f"{k.h.bin}/postfix-virtual", "-c", k.h.etc, "user", "add", f"u{i}@kvt.dk", "--hash", HASH], env=CLEAN_ENV,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for i in range(6)]
    ends = [(c.communicate()[1], c.returncode) for c in children]
    equal("six changes at once: each hook runs once", (sorted(k.taken()), [e for e in ends if e[1]]),
          ([f"user-add u{i}@kvt.dk" for i in range(6)], []))
    equal("and none is left", k.left(), [])
    k.clear()


def torn(k):
    """A note that a killed command left is run by the next; nonsense in its place harms nobody."""
    k.put("user-add", f'echo "late $*" >>{k.out}\n')
    folder = k.h.path("state", "events")
    write(f"{folder}/1795168572-000000001-42", "user-add x@kvt.dk\n", 0o600)
    k.admin("domain list")
    equal("what is noted is run by whatever comes next", (k.taken(), k.left()), (["late x@kvt.dk"], []))
    write(f"{folder}/1795168572-000000002-42", "../../out x\n", 0o600)
    write(f"{folder}/1795168572-000000003-42", "", 0o600)
    write(f"{folder}/.1795168572-000000004-42.new", "user-add x", 0o600)
    equal("nonsense is passed over", (k.admin("domain list")[0], k.taken()), (0, []))
    k.clear()


def main():
    slow = Hooks()
    slow.put("domain-add", f"sleep 300 & echo $! >{slow.out}\nsleep 300\n")
    started = time.monotonic()
    hanging = subprocess.Popen([f"{slow.h.bin}/postfix-virtual", "-c", slow.h.etc, "domain", "add", "slow.dk", "--account", slow.a.pw_name],
                               env=CLEAN_ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    at_end(hanging.kill)
    k = Hooks()
    events(k)
    surroundings(k)
    said(k)
    untrusted(k)
    nested(k)
    torn(k)
    wait_for(lambda: read(slow.out), 20)
    equal("while a hook hangs, its domain is free", slow.admin(f"user add abc@slow.dk --hash {HASH}")[0], 0)
    out, err = hanging.communicate(timeout=60)
    took = time.monotonic() - started
    check("a hook that hangs is ended after 30 s, and told", hanging.returncode == 0 and 29 < took < 45 and b"took too long" in err, (took, out, err))
    pid = read(slow.out).decode().strip()
    gone = wait_for(lambda: not os.path.exists(f"/proc/{pid}") or ") Z " in read(f"/proc/{pid}/stat").decode(), 5)
    check("with what it started", pid and gone, pid)
    equal("the domain is there", os.path.isdir(f"{slow.h.etc}/slow.dk"), True)
    done()


main()
