#!/usr/bin/python3
"""Two instances of Postfix on one host: setup gives both the same words or none, mail for a domain is taken by both,
and undo leaves both byte for byte as they were, also one that is no longer in the list.
"""
import os
import shutil
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from house import House  # noqa: E402
from postfix import Postfix  # noqa: E402
from scratch import read, run, wait_for, write  # noqa: E402
from tap import check, contains, done, equal  # noqa: E402

MESSAGE = "Subject: {}\nMessage-ID: <{}@example.org>\n\nx\n"


def files(*instances):
    return [read(os.path.join(i.config, n)) for i in instances for n in ("main.cf", "master.cf")]


def records(h):
    folder = h.path("state", "setup")
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def both_or_none(h, one, two):
    """Whatever is wrong with the second, the first is as it was, to the byte, and so are our own files."""
    conf = read(f"{h.etc}/virtual.conf")
    good = read(f"{two.config}/master.cf")
    for what, spoil, words in [
        ("has a foreign vlocal", lambda: two.append("master.cf", "vlocal unix - n n - - pipe flags=R user=nobody argv=/bin/true\n"),
         f"postconf -c {two.config} -MX vlocal/unix"),
        ("has a master.cf that cannot be read", lambda: two.append("master.cf", "junk\n"), "bad field count"),
        ("has no main.cf", lambda: os.rename(f"{two.config}/main.cf", f"{two.config}/main.cf.away"), "main.cf"),
    ]:
        spoil()
        before = files(one, two)
        r = h.admin("setup", "--yes")
        check(f"a second instance that {what} is refused", r.returncode in (1, 75) and words in r.stderr.decode(), r)
        equal(f"{what}: nothing is changed", (files(one, two), read(f"{h.etc}/virtual.conf"), records(h)), (before, conf, []))
        write(f"{two.config}/master.cf", good)
        if os.path.exists(f"{two.config}/main.cf.away"):
            os.rename(f"{two.config}/main.cf.away", f"{two.config}/main.cf")
    # Postfix's own check fails when the words are in: a queue folder that is a file
    queue = two.value("queue_directory")
    two.set(queue_directory=write(h.path("no-queue"), ""))
    before = files(one, two)
    r = h.admin("setup", "--yes")
    check("a second instance in which postfix check finds fault is refused", r.returncode == 1 and f"-c {two.config} check" in r.stderr.decode(), r)
    equal("and both have their files back to the byte", files(one, two), before)
    equal("and there is no record, and virtual.conf is as it was", (records(h), read(f"{h.etc}/virtual.conf")), ([], conf))
    two.set(queue_directory=queue)


def all_are_set_up(h, one, two):
    out = h.must_admin("setup", "-n")
    for i in (one, two):
        contains(f"-n shows what is added to {os.path.relpath(i.config, h.top)}", out, f"+++ {i.config}/main.cf\n")
        contains("-n shows its service", out, f"+++ {i.config}/master.cf\n")
    h.must_admin("setup", "--yes")
    equal("each has a record", records(h), ["postfix", "postfix.2"])
    own, ours = "inline:{hand@by.example=root}, ", two.value("virtual_alias_maps")
    equal("both have the same words, behind their own", one.value("virtual_alias_maps"), own + ours)
    equal("again, nothing to do", h.must_admin("setup", "--yes"), "nothing to do: everything is set up\n")


def mail_comes_in_by_both(h, one, two):
    for number, i in enumerate((one, two), 1):
        check(f"instance {number} refuses an unknown user", i.rcpt("nosuch@kvt.dk").startswith("550 5.1.1"), i.log())
        i.send("abc@kvt.dk", MESSAGE.format(f"by-{number}", f"by-{number}").encode())
        check(f"instance {number} delivers", i.wait_empty(), i.log())
        contains(f"mail by instance {number} is in the mailbox", h.mailbox("kvt.dk", "abc"), f"\nSubject: by-{number}\n".encode())
    h.must_admin("user", "add", "new@kvt.dk", "--random")
    equal("a new user is known to both at once", [i.rcpt("new@kvt.dk")[:3] for i in (one, two)], ["250", "250"])


def settings_of_both_count(h, one, two):
    """What the second instance takes mail for is as little ours as what the first one does."""
    two.set(relay_domains="theirs.dk")
    a = h.account("c")
    r = h.admin("domain", "add", "theirs.dk", "--account", a.pw_name)
    check("a domain of the second instance is refused, with its folder in the mend",
          r.returncode == 1 and f"postconf -c {two.config}" in r.stderr.decode(), r)
    h.domain("theirs.dk", a, {"x": ""})
    r = run([f"{h.bin}/make-postfix-maps", "-c", h.etc, "--check"])
    check("and gets no keys, by whichever way it came", f"postconf -c {two.config} -e" in r.stdout.decode(), r)
    shutil.rmtree(f"{h.etc}/theirs.dk")
    two.set(relay_domains="")


def one_reload_reaches_both(h, one, two):
    count = lambda: [len(i.log_lines("reload -- version")) for i in (one, two)]
    before = count()
    path = f"{h.map_folder}/virtual_regexp"
    shutil.copy2(path, path + ".t")
    write(path + ".t", "# other\n", 0o640)
    os.rename(path + ".t", path)
    write(h.path("run", "reload"), "0 0 0 0\n", 0o600)
    h.maps()
    check("a changed virtual_regexp reloads both", wait_for(lambda: all(n > b for n, b in zip(count(), before))), (before, count()))


def undone(h, one, two, before):
    h.must_admin("setup", "--undo", "--yes")
    equal("undo leaves both byte for byte as before", files(one, two), before)
    equal("and no record", records(h), [])
    equal("kvt.dk is nobody's in either", [wait_for(lambda: i.rcpt("fresh@kvt.dk").startswith("454"), 10) for i in (one, two)], [True, True])


def one_leaves_the_list(h, one, two, before):
    """Ours are the words in it all the same: setup says so, and undo takes them out."""
    h.must_admin("setup", "--yes")
    h.write_settings(postfix_config_directory=one.config)
    r = h.admin("setup", "--yes")
    contains("an instance that left the list is named", r.stderr.decode(), f"postfix-virtual: {two.config} has words of setup's still")
    h.write_settings(postfix_config_directory=f"{two.config}, {one.config}")
    equal("another order of the list changes nothing", h.must_admin("setup", "--yes"), "nothing to do: everything is set up\n")
    h.write_settings(postfix_config_directory=one.config)
    h.must_admin("setup", "--undo", "--yes")
    equal("undo takes our words out of it too", files(one, two), before)
    h.write_settings(postfix_config_directory=f"{one.config}, {two.config}")
    h.must_admin("setup", "--yes")
    h.write_settings(postfix_config_directory=one.config)
    os.rename(two.config, two.config + ".away")
    r = h.admin("setup", "--undo", "--yes")
    equal("undo of an instance that is gone works", (r.returncode, records(h)), (0, []))
    contains("and says so", r.stderr.decode(), f"{two.config} has no main.cf any more")
    os.rename(two.config + ".away", two.config)


def old_record(h, one, before):
    """A record of the time when there was one instance only has no folder in it: it is the first one's."""
    h.must_admin("setup", "--yes")
    path = h.path("state", "setup", "postfix")
    text = read(path)
    contains("a record names its folder", text, f"config_directory = {one.config}\n".encode())
    write(path, b"".join(l for l in text.splitlines(True) if not l.startswith(b"config_directory")), 0o600)
    equal("an old record is good enough", h.must_admin("setup", "--yes"), "nothing to do: everything is set up\n")
    h.must_admin("setup", "--undo", "--yes")
    equal("and its undo works", files(one), before)


def main():
    h = House("virtual_alias_maps = inline:{hand@by.example=root}\ntransport_maps = inline:{out.example=discard:}\n")
    one = h.postfix
    os.mkdir(h.path("second"))
    two = Postfix(h.path("second"), "syslog_name = second\n")
    h.write_settings(postfix_config_directory=f"{one.config}, {two.config}")
    both_or_none(h, one, two)
    before = files(one, two)
    all_are_set_up(h, one, two)
    one.start()
    two.start()
    a = h.account("a")
    h.must_admin("domain", "add", "kvt.dk", "--account", a.pw_name)
    h.must_admin("user", "add", "abc@kvt.dk", "--random")
    mail_comes_in_by_both(h, one, two)
    settings_of_both_count(h, one, two)
    one_reload_reaches_both(h, one, two)
    one_of = files(one, two)
    check("the settings changed meanwhile are put back", b"relay_domains" in one_of[2])
    two.postconf("-X", "relay_domains")
    undone(h, one, two, before)
    one.stop()
    two.stop()
    one_leaves_the_list(h, one, two, files(one, two))
    old_record(h, one, before[:2])
    done()


main()
