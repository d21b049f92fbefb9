#!/usr/bin/python3
"""postfix-virtual setup and its undo on main.cf and master.cf of many kinds, Postfix not running (how mail behaves
then: t/postfix/setup.py); and killed before each call that changes the disk.
"""
import os
import re
import shutil
import stat
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from house import House  # noqa: E402
from scratch import must, read, run, write  # noqa: E402
from tap import check, contains, done, equal, note  # noqa: E402

# Files are replaced as a whole here: what counts changes with these. (postconf -e waits a second each time.)
CHANGING = ("rename", "renameat")


def host(h, main_cf="", master_cf="", conf=None):
    """Postfix's configuration and ours as new. Returns what postconf says of it."""
    for name in ("main.cf", "master.cf"):
        write(f"{h.postfix.config}/{name}", h.fresh[name] + {"main.cf": main_cf, "master.cf": master_cf}[name].encode())
    for path in (h.map_folder, h.path("state"), h.path("run"), h.etc):
        shutil.rmtree(path, ignore_errors=True)
    for path in (h.etc, h.path("state"), h.path("run")):
        os.mkdir(path, 0o755)
    h.settings.pop("myhostname", None)
    h.write_settings(**({"myhostname": "mail.example.net"} if conf is None else conf))
    return settings(h)


def settings(h):
    return [h.postfix.postconf(option) for option in ("-n", "-M", "-P")]


def value(h, name):
    return h.postfix.value(name)


def setup(h, *args):
    r = h.admin("setup", *args)
    return r.returncode, r.stdout.decode(), r.stderr.decode()


def words(h):
    m = h.map_folder
    return (f"lmdb:{m}/virtual_domains, pipemap:{{pcre:{m}/virtual_regexp,lmdb:{m}/virtual_domains}}",
            f"lmdb:{m}/virtual, pipemap:{{pcre:{m}/virtual_regexp,lmdb:{m}/virtual}}", "inline:{virtual.invalid=vlocal:}")


def values(h):
    """main.cf before → the three lists after."""
    domains, maps, transport = words(h)
    for what, before, want in [
        ("nothing is said", "", (domains, maps, transport)),
        ("aliases are said, domains not", "virtual_alias_maps = hash:/x/virtual\n",
         (f"hash:/x/virtual, {domains}", f"hash:/x/virtual, {maps}", transport)),
        ("domains by name", "virtual_alias_domains = $virtual_alias_maps b.dk\nvirtual_alias_maps = hash:/x/a hash:/x/b\n",
         (f"hash:/x/a hash:/x/b b.dk, {domains}", f"hash:/x/a hash:/x/b, {maps}", transport)),
        ("domains without maps", "virtual_alias_domains =\n", (domains, maps, transport)),
        ("the old name is used", "virtual_maps = hash:/x/virtual\n", (f"$virtual_maps, {domains}", f"$virtual_maps, {maps}", transport)),
        ("on several lines, with braces", "transport_maps = inline:{{a=b:},\n  {c = d:}}\n  hash:/x/t\nvirtual_alias_maps = ${config_directory}/x\n",
         (f"${{config_directory}}/x, {domains}", f"${{config_directory}}/x, {maps}", f"{transport}, inline:{{{{a=b:}}, {{c = d:}}}} hash:/x/t")),
    ]:
        plain = host(h, before)
        r = setup(h, "--yes")
        equal(f"{what}: set up", r[0], 0)
        got = tuple(re.sub(r"\s+", " ", value(h, n)) for n in ("virtual_alias_domains", "virtual_alias_maps", "transport_maps"))
        equal(f"{what}: our words and nothing else", got, tuple(re.sub(r"\s+", " ", w) for w in want))
        once = settings(h)
        equal(f"{what}: again, nothing to do", setup(h, "--yes")[:2], (0, "nothing to do: everything is set up\n"))
        equal(f"{what}: again, nothing changed", settings(h), once)
        equal(f"{what}: undo", setup(h, "--undo", "--yes")[0], 0)
        equal(f"{what}: undone", [re.sub(r"[ \t]+", " ", s) for s in settings(h)], [re.sub(r"[ \t]+", " ", s) for s in plain])
        equal(f"{what}: undo again, nothing to do", setup(h, "--undo", "--yes")[:2], (0, "nothing to do: setup has put nothing in\n"))


def by_others(h):
    """What somebody else wrote is not ours to take out, before or since."""
    domains, maps, transport = words(h)
    host(h, f"virtual_alias_domains = {domains}\nvirtual_alias_maps = {maps}\ntransport_maps = hash:/x/t, {transport}\n")
    setup(h, "--yes")
    setup(h, "--undo", "--yes")
    equal("words that the administrator put in by hand stay", [value(h, n) for n in ("virtual_alias_domains", "virtual_alias_maps", "transport_maps")],
          [domains, maps, f"hash:/x/t, {transport}"])
    host(h)
    setup(h, "--yes")
    h.postfix.set(vlocal_destination_concurrency_limit="5", virtual_alias_domains="c.dk, " + value(h, "virtual_alias_domains"))
    equal("an own limit is left alone", (setup(h, "--yes")[1], value(h, "vlocal_destination_concurrency_limit")), ("nothing to do: everything is set up\n", "5"))
    setup(h, "--undo", "--yes")
    equal("undo leaves a domain that is not ours, and no limit of a service that is gone",
          (value(h, "virtual_alias_domains"), b"vlocal" in read(f"{h.postfix.config}/main.cf")), ("c.dk", False))
    plain = host(h, master_cf="vlocal unix - n n - - pipe flags=R user=nobody argv=/bin/true\n")
    r = setup(h, "--yes")
    check("a foreign service vlocal is refused, with the mend", r[0] == 1 and f"postconf -c {h.postfix.config} -MX vlocal/unix" in r[2], r)
    equal("and nothing is changed", (settings(h), os.path.exists(h.map_folder)), (plain, False))
    host(h)
    setup(h, "--yes")
    h.write_settings(map_directory=h.path("etc", "other"))
    check("another map_directory: our old words go, the new ones come", setup(h, "--yes")[0] == 0 and "/maps/" not in value(h, "virtual_alias_maps")
          and "/other/virtual" in value(h, "virtual_alias_maps"), value(h, "virtual_alias_maps"))
    setup(h, "--undo", "--yes")
    equal("and undo takes them out", (value(h, "virtual_alias_maps"), value(h, "transport_maps")), ("$virtual_maps", ""))
    h.write_settings(map_directory=h.map_folder)


def surroundings(h):
    host(h, conf={"myhostname": ""})
    setup(h, "--yes")
    check("who says that it shall be found out is left alone", read(f"{h.etc}/virtual.conf").count(b"myhostname") == 1)
    plain = host(h, conf={})
    before = read(f"{h.etc}/virtual.conf")
    status, out, err = setup(h, "-n")
    equal("-n says what it would do, and nothing else", (status, err), (0, ""))
    for part in (f"# folder {h.map_folder} is made\n", f"--- {h.postfix.config}/main.cf\n+++ {h.postfix.config}/main.cf\n", "\n+vlocal ",
                 "\n+myhostname = mail.example.net\n"):
        contains(f"-n shows {part.strip().splitlines()[-1]}", out, part)
    check("-n names no temporary file", "/tmp/postfix-virtual" not in out, out)
    equal("-n changes nothing", (settings(h), read(f"{h.etc}/virtual.conf"), os.listdir(h.path("state"))), (plain, before, []))
    status, out, err = setup(h)
    equal("without a terminal it asks for --yes", (status, err), (1, "postfix-virtual: Make these changes to Postfix's configuration? There is no terminal to ask on: add --yes\n"))
    equal("and changes nothing", settings(h), plain)
    status, out, err = setup(h, "--yes")
    equal("it says what comes next", (status, out.splitlines()[-1], err), (0, "set up; next: postfix-virtual domain add NAME --create-account",
                                                                          "postfix-virtual: Postfix does not run; start it when you like\n"))
    contains("Postfix's name of this host is written down", read(f"{h.etc}/virtual.conf"), b"\nmyhostname = mail.example.net\n")
    modes = {n: (oct(stat.S_IMODE(os.stat(p).st_mode)), os.stat(p).st_uid) for n, p in
             (("maps", h.map_folder), ("virtual", f"{h.map_folder}/virtual"), ("table", f"{h.map_folder}/virtual.lmdb"), ("setup", h.path("state", "setup")))}
    equal("maps are for Postfix alone, the record for root", modes, {"maps": ("0o750", 0), "virtual": ("0o640", 0), "table": ("0o640", 0), "setup": ("0o700", 0)})
    line = next(l for l in h.postfix.postconf("-M").splitlines() if l.startswith("vlocal"))
    for option in (f"{{mailbox_command={h.bin}/virtual-deliver -c {h.etc}}}", "mailbox_transport=", "mailbox_size_limit=0", "require_home_directory=yes",
                   "forward_path=$home/.forward$recipient_delimiter$extension"):
        contains(f"vlocal has {option.split('=')[0]}", line.split(" -o "), option)
    equal("main.cf keeps its mode", oct(stat.S_IMODE(os.stat(f"{h.postfix.config}/main.cf").st_mode)), "0o644")
    setup(h, "--undo", "--yes")
    os.mkdir(f"{h.etc}/kvt.dk", 0o700)
    os.chown(f"{h.etc}/kvt.dk", 60001, 60001)
    equal("with a domain that is there already, no such next step is named", setup(h, "--undo", "--yes")[0:1] + (setup(h, "--yes")[1].splitlines()[-1],), (0, "set up"))
    os.rmdir(f"{h.etc}/kvt.dk")
    setup(h, "--undo", "--yes")
    equal("undo takes the name out again", (read(f"{h.etc}/virtual.conf"), settings(h)), (before, plain))
    check("tables and folders stay", os.path.exists(f"{h.map_folder}/virtual.lmdb"))
    host(h, "virtual_alias_maps = hash:/x\n")
    write(f"{h.postfix.config}/master.cf", "junk\n")
    status, out, err = setup(h, "--yes")
    equal("a master.cf that Postfix cannot read is refused", (status, "bad field count" in err, b"vlocal" in read(f"{h.postfix.config}/main.cf")), (1, True, False))
    host(h)
    h.write_settings(postfix_config_directory=h.path("nowhere"))
    status, _, err = setup(h, "--yes")
    check("a Postfix that is not there is named", status in (1, 75) and h.path("nowhere") in err, (status, err))
    h.write_settings(postfix_config_directory=h.postfix.config)


def one_kill(h, args, call, nth):
    log = h.path("strace.log")
    run(["/usr/bin/strace", "-qq", "-f", "-o", log, "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={nth}",
         f"{h.bin}/postfix-virtual", "-c", h.etc, "setup", *args])
    return b"killed by SIGKILL" in read(log)


def killed(h):
    """Whatever a kill left, setup leads to the one end and --undo to the other."""
    before = "virtual_alias_maps = hash:/x/virtual\ntransport_maps = hash:/x/t\n"
    plain = host(h, before)
    setup(h, "--yes")
    whole = settings(h)
    parts = [h.postfix.config, h.etc, h.path("state")]
    os.mkdir(h.path("saved"))
    must(["/usr/bin/cp", "-a", *parts, h.path("saved")])
    kills, wrong = 0, []
    for args in (["--yes"], ["--undo", "--yes"]):
        for call in CHANGING:
            for nth in range(1, 60):
                host(h, before)
                if "--undo" in args:
                    for part in parts:
                        shutil.rmtree(part)
                    must(["/usr/bin/cp", "-a", *[os.path.join(h.path("saved"), os.path.basename(p)) for p in parts], h.top])
                if not one_kill(h, args, call, nth):
                    break
                kills += 1
                if kills % 2:
                    setup(h, "--yes")
                    if settings(h) != whole:
                        wrong.append(f"{args} {call} {nth}: setup\n{settings(h)}")
                if setup(h, "--undo", "--yes")[0] != 0 or settings(h) != plain:
                    wrong.append(f"{args} {call} {nth}: undo\n{settings(h)}")
                litter = [n for n in os.listdir(h.etc) + os.listdir(h.map_folder if os.path.isdir(h.map_folder) else h.etc) if n.endswith(".new")]
                if kills % 2 and litter:
                    wrong.append(f"{args} {call} {nth}: {litter}")
    note(f"{kills} kills")
    check(f"setup and undo killed at {kills} calls: each can be run again, and undone", kills > 8 and not wrong, "\n".join(wrong[:4]))


def main():
    h = House(collect_log=False)
    h.began = os.path.getmtime(h.top)
    h.fresh = {n: read(f"{h.postfix.config}/{n}") for n in ("main.cf", "master.cf")}
    values(h)
    by_others(h)
    surroundings(h)
    killed(h)
    equal("nothing is left in the temporary folder", must(["/usr/bin/find", "/tmp", "-maxdepth", "1", "-name", "postfix-virtual.*", "-newermt", f"@{h.began}"]), "")
    done()


main()
