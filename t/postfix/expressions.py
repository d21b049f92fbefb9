#!/usr/bin/env python3
"""The expressions as Postfix's own postmap(1) reads them: what make-postfix-maps wrote for sub-domains and pattern
aliases, asked through pipemap as main.cf does; and the lines of --expression, of both flavors."""

import os
import pwd
import random
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "lib"))
sys.dont_write_bytecode = True

import scratch  # noqa: E402
from scratch import run, write  # noqa: E402
from tap import check, done, equal  # noqa: E402

scratch.need_root()
TOP = scratch.folder()
MAPS = os.path.join(scratch.programs(TOP), "make-postfix-maps")
OWNER = pwd.getpwnam("games")
ETC, TABLES = os.path.join(TOP, "etc"), os.path.join(TOP, "maps")
POSTFIX = os.path.join(TOP, "postfix")
REGEXP = os.path.join(TABLES, "virtual_regexp")


def domain(name, users, aliases=None):
    folder = os.path.join(ETC, name)
    os.makedirs(folder, exist_ok=True)
    os.chown(folder, OWNER.pw_uid, OWNER.pw_gid)
    os.chmod(folder, 0o700)
    text = "".join(f"{u}:*:{OWNER.pw_uid}:{OWNER.pw_gid}:n:.:\n" for u in users)
    write(os.path.join(folder, "passwd"), text, 0o600, OWNER)
    if aliases is not None:
        write(os.path.join(folder, "aliases"), aliases, 0o600, OWNER)


def make(*words):
    # No Postfix runs here, so there is none to be spared two reloads in ten seconds.
    for name in ("reload", "reload.lock"):
        if os.path.exists(os.path.join(TOP, "run", name)):
            os.unlink(os.path.join(TOP, "run", name))
    r = run([MAPS, "-c", ETC, *words])
    r.stdout, r.stderr = r.stdout.decode(), r.stderr.decode()
    return r


def ask(keys, table):
    """A dictionary of what postmap -q answers."""
    text = "".join(k + "\n" for k in keys)
    r = subprocess.run(["postmap", "-c", POSTFIX, "-q", "-", table], input=text, capture_output=True, text=True,
                       check=False)
    assert r.stderr == "", r.stderr
    return dict(line.split("\t", 1) for line in r.stdout.splitlines())


def addresses(keys):
    return ask(keys, f"pipemap:{{pcre:{REGEXP},lmdb:{TABLES}/virtual}}")


def names(keys):
    return ask(keys, f"pipemap:{{pcre:{REGEXP},lmdb:{TABLES}/virtual_domains}}")


def text():
    with open(REGEXP, encoding="ascii") as f:
        return f.read()


for part in ("etc", "postfix", "run", "state"):
    os.makedirs(os.path.join(TOP, part), exist_ok=True)
os.chmod(TOP, 0o755)
write(os.path.join(POSTFIX, "main.cf"), "compatibility_level = 3.6\nmyhostname = mail.example.net\n"
      f"mydestination = www.kvt.dk\nmeta_directory = {POSTFIX}\n")
write(os.path.join(POSTFIX, "master.cf"), "")
if os.path.exists("/etc/postfix/dynamicmaps.cf"):
    shutil.copy("/etc/postfix/dynamicmaps.cf", POSTFIX)
write(os.path.join(ETC, "virtual.conf"), f"dovecot_group =\nmap_directory = {TABLES}\nrun_directory = {TOP}/run\n"
      f"state_directory = {TOP}/state\npostfix_config_directory = {POSTFIX}\n")
write(os.path.join(ETC, "domains"), "kvt.dk sub_domains=yes\nkvt.org alias_of=kvt.dk\n")
domain("kvt.dk", ["abc", "sales", "a.b"], "# patterns\n/^sales-([a-z0-9]+)$/: sales\n/^to-([a-z]+)$/: ${1}\n")
domain("shop.kvt.dk", ["me"])
domain("plain.dk", ["abc"])

# --- what is written ---

r = make()
equal("the tables are made without a word", (r.returncode, r.stdout, r.stderr), (0, "", ""))
ABC = "games+abc--kvt.dk@virtual.invalid"
want = {"abc@x.kvt.dk": ABC, "abc@x.y.z.kvt.dk": ABC, "abc+tag@x.kvt.dk": ABC, "abc+a.b=c@x.kvt.dk": ABC,
        "ABC@X.KVT.dk": ABC, "abc@xn--bcher-kva.kvt.dk": ABC, "abc@x.kvt.org": ABC, "to-abc@kvt.dk": ABC,
        "to-abc@kvt.org": ABC, "a.b@x.kvt.dk": "games+a.b--kvt.dk@virtual.invalid",
        "sales-77@kvt.dk": "games+sales--kvt.dk@virtual.invalid", "postmaster@x.kvt.dk": "postmaster"}
equal("each of these leads to its user", addresses(want), want)
refused = ["nosuch@x.kvt.dk", "nosuch@kvt.dk", "abc@kvt.dk", "abc@xkvt.dk", "abc@kvt-dk", "abc@kvt.dk.evil.com",
           "abc@x.kvt.dk.evil.com", '"abc+ y"@x.kvt.dk', '"x+ y"@x.kvt.dk', '"a@b.c"@x.kvt.dk', '""@x.kvt.dk',
           "a..b@x.kvt.dk", ".abc@x.kvt.dk", "abc.@x.kvt.dk", "abc%x@x.kvt.dk", "x!abc@x.kvt.dk",
           "abc@y@x.kvt.dk", "@a:abc@x.kvt.dk", "abc@.kvt.dk", "abc@x..kvt.dk", "abc@-x.kvt.dk", "@x.kvt.dk",
           "+t@x.kvt.dk", "abc@shop.kvt.dk", "abc@a.shop.kvt.dk", "me@a.shop.kvt.dk", "abc@www.kvt.dk",
           "abc@x.www.kvt.dk", "abc@x.plain.dk", "sales-@kvt.dk", "sales-7@x.kvt.dk", "sales-7+t@kvt.dk",
           "to-nosuch@kvt.dk", "sales-7@plain.dk", "abc\u00e9@x.kvt.dk"]
equal("none of these leads anywhere", addresses(refused), {})
equal("a sub-domain leads to its domain",
      names(["x.kvt.dk", "a.b.c.kvt.dk", "x.kvt.org", "kvt.dk", "shop.kvt.dk", "x.shop.kvt.dk", "www.kvt.dk",
             "xkvt.dk", "x.kvt.dk.evil.com", "x.plain.dk", ".kvt.dk"]),
      {"x.kvt.dk": "games", "a.b.c.kvt.dk": "games", "x.kvt.org": "games"})

# --- what stays ---

before = text()
r = make("plain.dk")
equal("a run for another domain leaves the text as it is", (r.returncode, text()), (0, before))
os.chmod(os.path.join(ETC, "kvt.dk", "passwd"), 0o666)
r = make()
equal("a domain that cannot be read keeps its expressions", (r.returncode, text()), (75, before))
os.chmod(os.path.join(ETC, "kvt.dk", "passwd"), 0o600)
domain("new.kvt.dk", ["me"])
r = make("new.kvt.dk")
equal("a new domain below is cut out at once, by a run for it alone",
      (r.returncode, names(["x.new.kvt.dk", "new.kvt.dk", "x.kvt.dk"])), (0, {"x.kvt.dk": "games"}))
shutil.rmtree(os.path.join(ETC, "new.kvt.dk"))
r = make("new.kvt.dk")
equal("and is a sub-domain again when it is gone", text(), before)
write(REGEXP, before.replace("(?:^|[@.])", "[@.]"), 0o640)
r = make("plain.dk")
check("a text that was changed by hand is reported", r.returncode == 75 and "virtual_regexp does not have" in r.stderr,
      r.stderr)
equal("and made anew from all domains", text(), before)
write(os.path.join(TABLES, ".virtual_regexp.proof"), "left by a kill", 0o600)
make()
check("no candidate is left", not os.path.exists(os.path.join(TABLES, ".virtual_regexp.proof")))

# --- a Postfix that reads them otherwise ---

# As if pcre_table(5) were another program than the one that proved them: POSIX expressions in its place.
with open("/etc/postfix/dynamicmaps.cf", encoding="utf-8") as f:
    maps_of_postfix = f.read()
write(os.path.join(POSTFIX, "dynamicmaps.cf"), re.sub(r"(?m)^pcre\t.*$", "pcre\tlibpostfix-util.so\tdict_regexp_open", maps_of_postfix))
with open(os.path.join(ETC, "kvt.dk", "aliases"), encoding="utf-8") as f:
    aliases = f.read()
domain("kvt.dk", ["abc", "sales", "a.b"], aliases + "/^more-([a-z]+)$/: abc\n")
r = make()
check("what postmap does not agree to is not written, and the lines of before stay",
      r.returncode == 75 and "were not proved, so those of before stay in force" in r.stderr and text() == before, r)
write(os.path.join(POSTFIX, "dynamicmaps.cf"), maps_of_postfix)
r = make()
equal("the next run proves them again, and writes them",
      (r.returncode, r.stderr, addresses(["more-x@kvt.dk"])), (0, "", {"more-x@kvt.dk": ABC}))

# --- bad patterns ---

domain("kvt.dk", ["abc", "sales"], "/^good$/: abc\n/^(.*)$/: abc\n/^(a+)+x$/: abc\n/^a(?=b)$/: abc\n"
       "/^x$/: abc@plain.dk\n/^bad[$/: abc\n")
r = make()
equal("bad patterns make the exit 75", r.returncode, 75)
for line, column, words in ((2, 1, "any name"), (3, 1, "too many steps"), (4, 4, "looking around"),
                            (5, 11, "of its own domain"), (6, 7, "remove it")):
    check(f"line {line} is refused with its column", f"kvt.dk/aliases, line {line}: column {column}, at" in r.stderr
          and words in r.stderr, r.stderr)
equal("the good one is there, and the domain's users are", addresses(["good@kvt.dk", "abc@x.kvt.dk", "zzz@kvt.dk"]),
      {"good@kvt.dk": ABC, "abc@x.kvt.dk": ABC})
domain("kvt.dk", ["abc", "sales"], "")

# --- the proof ---

make()
r = make("--prove")
check("--prove prints a line for each domain",
      r.returncode == 0 and r.stdout.startswith("kvt.dk: proved: ") and "\nkvt.org: proved: " in r.stdout, r)
r = make("--prove", "plain.dk")
equal("a domain without expressions has nothing to prove", (r.returncode, r.stdout), (0, "plain.dk: has no expressions\n"))
r = make("--prove", "-v", "kvt.dk")
check("-v prints the cases", "\n  example     abc@x.kvt.dk\tabc@kvt.dk\n" in r.stdout
      and "\n  look-alike  abc@xkvt.dk\t-\n" in r.stdout, r.stdout[:500])
before = text()
make("--prove")
equal("it changes nothing", text(), before)

# --- the expression of users ---

SEED = random.randrange(1 << 32)
RANDOM = random.Random(SEED)


def user():
    while True:
        name = "".join(RANDOM.choice("ab1.-_") for _ in range(RANDOM.randint(1, 7)))
        if name[0] not in ".-" and name[-1] != "." and ".." not in name:
            return name


for flavor in ("pcre", "regexp"):
    for count in (1, 7, 900):
        users = sorted({user() for _ in range(count)})
        domain("plain.dk", users)
        make("--force", "plain.dk")
        r = make("--expression", "--flavor", flavor, "plain.dk")
        path = os.path.join(TOP, "users")
        write(path, r.stdout)
        others = [u for u in {user() for _ in range(3000)} if u not in users]
        got = ask([f"{u}@plain.dk" for u in users + others] + [f"{u}@x.plain.dk" for u in users], f"{flavor}:{path}")
        equal(f"{flavor}: the lines take {len(users)} users, and none of {len(others)} others (seed {SEED})",
              got, {f"{u}@plain.dk": f"games+{u}--plain.dk" for u in users})
# So many that one expression would be larger than what is given to PCRE2: each line has a part of them.
users = sorted({f"{user()}{RANDOM.randrange(10000)}" for _ in range(8000)})
domain("plain.dk", users)
make("--force", "plain.dk")
path = os.path.join(TOP, "users")
lines = make("--expression", "plain.dk").stdout
write(path, lines)
sizes = [len(l) + 1 for l in lines.splitlines() if l.startswith("/^")]
check("a large domain has several lines, none above the limit, none in vain",
      1 < len(sizes) and max(sizes) <= 16384 and sum(sizes) > 16384 * len(sizes) // 4, f"{sizes} (seed {SEED})")
known = set(users)
others = {f"{u[:-1]}{RANDOM.randrange(10)}" for u in RANDOM.sample(users, 2000)} - known
got = ask([f"{u}@plain.dk" for u in [*users, *sorted(others)]], f"pcre:{path}")
want = {f"{u}@plain.dk": f"games+{u}--plain.dk" for u in users}
check(f"and they take its {len(users)} users, and none of {len(others)} others (seed {SEED})", got == want,
      f"{len(got)} answers; missing {sorted(set(want) - set(got))[:5]}, too many {sorted(set(got) - set(want))[:5]}")
domain("kvt.dk", ["abc", "anna", "kvt"])
make("--force")
r = make("--expression", "kvt.dk")
check("the worked example", "\n/^(a(?:bc|nna)|kvt)@" in r.stdout, r.stdout)
for flavor in ("pcre", "regexp"):
    r = make("--expression", "kvt.dk", "--flavor", flavor)
    write(os.path.join(TOP, "users"), r.stdout)
    got = ask(["abc@kvt.dk", "anna@x.kvt.dk", "kvt@shop.kvt.dk", "kvt@x.www.kvt.dk", "no@kvt.dk", "abc@xkvt.dk"],
              f"{flavor}:{TOP}/users")
    equal(f"{flavor}: with sub-domains, but those cut out",
          got, {"abc@kvt.dk": "games+abc--kvt.dk", "anna@x.kvt.dk": "games+anna--kvt.dk"})
write(os.path.join(ETC, "domains"), "kvt.dk sub_domains=yes\nstd.dk postfix=yes\nstd.org alias_of=std.dk\n")
domain("std.dk", [])
write(os.path.join(ETC, "std.dk", "virtual"), "info  abc@plain.dk\n", 0o600, OWNER)
make("--force")
for name in ("std.dk", "std.org"):
    r = make("--expression", name)
    equal(f"{name} of Postfix's own kind has none", (r.returncode, r.stdout, r.stderr),
          (1, "", f"make-postfix-maps: {name} is a standard domain of Postfix's: its addresses lead to others, each its own way, which no"
           f" expression can say: copy the lines of {name} from the output of `postmap -s lmdb:{TABLES}/virtual`\n"))
done()
