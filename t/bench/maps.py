"""Postfix's tables: a full build and one changed user, beside what postmap alone needs for the same keys."""

import os
import resource
import subprocess
import time

import common as c

DOMAINS, USERS, ROUNDS = 1000, 10, 5
POSTMAP = "/usr/sbin/postmap"


def make_domains(scratch):
    uid, gid = scratch.user.pw_uid, scratch.user.pw_gid
    etc = scratch.folder("etc")
    for name in ("run", "state", "spool", "postfix"):
        scratch.folder(name)
    scratch.write("postfix", "main.cf", text="compatibility_level = 3.6\nmydestination =\n")
    scratch.write("postfix", "master.cf", text="")
    if os.path.exists("/etc/postfix/dynamicmaps.cf"):
        with open("/etc/postfix/dynamicmaps.cf", "rb") as f:
            scratch.write("postfix", "dynamicmaps.cf", text=f.read())
    scratch.write("etc", "virtual.conf", text=f"map_directory = {scratch.folder('maps', mode=0o750)}\n"
                  f"run_directory = {scratch.at('run')}\nstate_directory = {scratch.at('state')}\n"
                  f"spool_directory = {scratch.at('spool')}\npostfix_config_directory = {scratch.at('postfix')}\n")
    lines = "".join(f"user{u}:*:{uid}:{gid}::.:\n" for u in range(USERS))
    for i in range(DOMAINS):
        name = f"d{i}.example.net"
        scratch.folder("etc", name, own=True, mode=0o700)
        scratch.write("etc", name, "passwd", own=True, mode=0o600, text=lines)
    return etc


def timed(command):
    """(wall, CPU) in milliseconds of a command and its children; it must work."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, env=dict(c.CLEAN_ENV, PATH="/usr/sbin:/usr/bin:/bin"), capture_output=True,
                          stdin=subprocess.DEVNULL, check=False)
    wall, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        print(f"  # {' '.join(command)}: exit {done.returncode}: {(done.stdout + done.stderr).decode()[:300]}")
    return wall * 1000, (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def change_user(scratch, number):
    """One user more in one domain, as an editor does it."""
    path = scratch.at("etc", "d7.example.net", "passwd")
    with open(path, encoding="ascii") as f:
        text = f.read()
    uid, gid = scratch.user.pw_uid, scratch.user.pw_gid
    scratch.write("etc", "d7.example.net", "passwd.tmp", own=True, mode=0o600,
                  text=text + f"zz{number}:*:{uid}:{gid}::.:\n")
    os.rename(path + ".tmp", path)


def section_maps(scratch):
    if not os.path.exists(c.MAPS) or not os.path.exists(POSTMAP):
        print("\nmaps: make-postfix-maps is not built, or Postfix is not installed")
        return
    etc = make_domains(scratch)
    ours = [c.MAPS, "-c", etc]
    timed(ours)
    names = ("full build", "postmap of the same texts", "nothing changed, all domains", "one user more, one domain")
    figures = {n: [] for n in names}
    tables = [f"lmdb:{scratch.at('maps', n)}" for n in ("virtual", "virtual_domains")]
    for i in range(ROUNDS):
        for name in ("virtual", "virtual_domains"):
            os.unlink(scratch.at("maps", name + ".lmdb"))
        figures[names[0]].append(timed(ours))
        figures[names[1]].append(timed([POSTMAP, "-c", scratch.at("postfix")] + tables))
        figures[names[2]].append(timed(ours))
        change_user(scratch, i)
        figures[names[3]].append(timed(ours + ["d7.example.net"]))
    rows = [[n, c.median([f[0] for f in figures[n]]), c.median([f[1] for f in figures[n]])] for n in names]
    c.table(f"maps: {DOMAINS:,} domains with {USERS} users each, median of {ROUNDS} runs", ["what", "ms", "CPU ms"], rows)
    print(f"  ratio {c.paired(figures[names[0]], figures[names[1]], 1):.2f} (no goal at this size)  "
          "CPU of a full build, to postmap's")
