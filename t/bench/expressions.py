"""The expressions for sub-domains: what a lookup costs, with few domains and with many."""

import os
import random
import resource
import subprocess
import time

import common as c
from maps import POSTMAP, timed

EXPRESSION_DOMAINS, LOOKUPS = (10, 1000), 100_000
KINDS = ("hit", "miss", "foreign", "foreign, with a label in front")


def names_of(count):
    """Names that end in few ways and are otherwise as different as names are; always the same."""
    source = random.Random(1)
    names = set()
    while len(names) < count:
        letters = "".join(source.choice("abcdefghijklmnoprstuvw") for _ in range(source.randint(4, 10)))
        names.add(letters + source.choice((".dk", ".com", ".org", ".example.net", ".co.uk")))
    return sorted(names)


def make_sub_domains(scratch, top, names):
    uid, gid = scratch.user.pw_uid, scratch.user.pw_gid
    for name in ("etc", "run", "state", "spool", "postfix"):
        scratch.folder(top, name)
    scratch.write(top, "postfix", "main.cf", text="compatibility_level = 3.6\nmydestination =\n")
    scratch.write(top, "postfix", "master.cf", text="")
    if os.path.exists("/etc/postfix/dynamicmaps.cf"):
        with open("/etc/postfix/dynamicmaps.cf", "rb") as f:
            scratch.write(top, "postfix", "dynamicmaps.cf", text=f.read())
    scratch.write(top, "etc", "virtual.conf", text=f"dovecot_group =\nmap_directory = {scratch.folder(top, 'maps', mode=0o750)}\n"
                  f"run_directory = {scratch.at(top, 'run')}\nstate_directory = {scratch.at(top, 'state')}\n"
                  f"spool_directory = {scratch.at(top, 'spool')}\n"
                  f"postfix_config_directory = {scratch.at(top, 'postfix')}\n")
    scratch.write(top, "etc", "domains", text="".join(f"{n} sub_domains=yes\n" for n in names))
    for name in names:
        scratch.folder(top, "etc", name, own=True, mode=0o700)
        scratch.write(top, "etc", name, "passwd", own=True, mode=0o600, text=f"abc:*:{uid}:{gid}::.:\n")


def keys_of(kind, names):
    source = random.Random(2)
    if kind.startswith("foreign"):
        label = "x." if "label" in kind else ""
        return [f"u{i}@{label}{''.join(source.choice('abcdefghijk') for _ in range(7))}.{source.choice(('dk', 'com', 'de'))}"
                for i in range(LOOKUPS)]
    return [f"{'abc' if kind == 'hit' else 'nosuch'}@x.{source.choice(names)}" for _ in range(LOOKUPS)]


def postmap_cost(scratch, top, keys):
    """CPU of a postmap that looks so many keys up, in seconds; the least of three."""
    maps = scratch.at(top, "maps")
    costs = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([POSTMAP, "-c", scratch.at(top, "postfix"), "-q", "-", table_of(maps)], stdout=subprocess.DEVNULL,
                       input="".join(k + "\n" for k in keys).encode(), check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        costs.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(costs)


def table_of(maps):
    return f"pipemap:{{pcre:{maps}/virtual_regexp,lmdb:{maps}/virtual}}"


def lookup_cost(scratch, top, keys):
    """CPU of one lookup in microseconds, with postmap's own loop. That the expressions are read and compiled once is no part of it."""
    return (postmap_cost(scratch, top, keys) - postmap_cost(scratch, top, keys[:1])) * 1e6 / len(keys)


def memory_mib(scratch, top, key, table):
    """Memory of its own of a process that has looked a key up."""
    with subprocess.Popen([POSTMAP, "-c", scratch.at(top, "postfix"), "-q", "-", table], stdin=subprocess.PIPE,
                          stdout=subprocess.DEVNULL) as p:
        p.stdin.write(key.encode() + b"\n")
        p.stdin.flush()
        time.sleep(1)
        with open(f"/proc/{p.pid}/status", encoding="ascii") as f:
            kib = [int(line.split()[1]) for line in f if line.startswith("RssAnon:")]
        p.stdin.close()
    return kib[0] / 1024


def proof_ms(scratch, top, domain):
    """Wall clock of --prove for one domain of all, the least of three."""
    return min(timed([c.MAPS, "-c", scratch.at(top, "etc"), "--prove", domain])[0] for _ in range(3))


def section_expressions(scratch):
    if not os.path.exists(c.MAPS) or not os.path.exists(POSTMAP):
        print("\nexpressions: make-postfix-maps is not built, or Postfix is not installed")
        return
    costs = {}
    for count in EXPRESSION_DOMAINS:
        top, names = f"x{count}", names_of(count)
        make_sub_domains(scratch, top, names)
        wall, cpu, mib = timed([c.MAPS, "-c", scratch.at(top, "etc")])
        costs[count] = [lookup_cost(scratch, top, keys_of(k, names)) for k in KINDS]
        print(f"  {count:,} domains: built and proved in {wall / 1000:.1f} s, {cpu / 1000:.1f} s of CPU, {mib:.0f} MiB")
    few, many = EXPRESSION_DOMAINS
    rows = [[f"{n:,} domains with sub-domains"] + costs[n] for n in EXPRESSION_DOMAINS]
    c.table(f"expressions: CPU of a lookup in us, {LOOKUPS:,} addresses, least of 3", ["what", *KINDS], rows)
    for i, kind in enumerate(KINDS):
        c.goal(f"{kind}, {many:,} domains to {few}", costs[many][i] / costs[few][i], "<=", 2)
        c.limit(f"{kind}, {many:,} domains", round(costs[many][i], 2), 5, "us")
    maps, key = scratch.at(top, "maps"), "abc@x." + names[0]
    c.limit(f"memory of a daemon for the expressions of {many:,} domains",
            round(memory_mib(scratch, top, key, table_of(maps)) - memory_mib(scratch, top, key, f"lmdb:{maps}/virtual"), 1), 20, "MiB")
    c.limit(f"proof of one domain of {many:,}", round(proof_ms(scratch, top, names[many // 2])), 1000, "ms")
    c.limit(f"peak memory of the build and proof of {many:,} domains", round(mib), 300, "MiB")
