#!/usr/bin/env python3
"""The words agree with the programs: man pages, --help, README and Makefile name the same things."""
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from house import House  # noqa: E402
from scratch import BUILD, TOP, folder, mail_settings, must, run  # noqa: E402
from tap import check, contains, done, equal  # noqa: E402

GLOBAL = {"-c", "-n", "--json", "--help", "--version"}


def text_of(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as f:
        return f.read()


def man_pages():
    """name → path of every page in the tree."""
    found = {}
    for top, folders, names in os.walk(TOP):
        folders[:] = [d for d in folders if d not in ("build", ".git")]
        found.update({n: os.path.join(top, n) for n in names if re.search(r"\.[58]$", n)})
    return found


PAGES = man_pages()


def page(name):
    return text_of(PAGES[name])


def flags(line):
    """Options in a line of mdoc: `Fl c Ar DIR , Fl -config` → -c, --config."""
    return {"-" + word for word in re.findall(r"\bFl (-?[a-zA-Z][a-z-]*)", line)}


def help_of(program):
    return must([os.path.join(BUILD, program), "--help"])


def statuses(text):
    """The numbers in a man page's EXIT STATUS."""
    part = text.partition(".Sh EXIT STATUS")[2].partition("\n.Sh ")[0]
    return set(re.findall(r"^\.It (\d+)\b", part, re.M))


def lint():
    for name, path in sorted(PAGES.items()):
        r = run(["mandoc", "-T", "lint", "-W", "warning", path])
        check(f"mandoc finds nothing in {name}", r.returncode == 0 and not r.stdout, r.stdout.decode())
    for name in sorted(PAGES):
        own = {f"{n}.{s}" for n, s in re.findall(r"^\.Xr (\S*virtual\S*|make-postfix-maps) (\d)", page(name), re.M)}
        # Postfix has a page of this name, too.
        equal(f"{name} refers to pages of ours that exist", own - set(PAGES), set())


def small_programs():
    for name in ("virtual-deliver", "make-postfix-maps", "virtual-checkpassword", "virtual-pop3d"):
        # Those that `--help` lists, one in a line, some with a second name.
        said = set(re.findall(r"^  (-\w)\b", help_of(name), re.M))
        said |= set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", help_of(name), re.M))
        written = set()
        for line in re.findall(r"^\.It (Fl .*)", page(name + ".8"), re.M):
            written |= flags(line)
        equal(f"{name}(8) has the options of {name} --help", written, said)
    for name in ("make-postfix-maps", "virtual-checkpassword", "virtual-pop3d"):
        said = set(re.findall(r"^  (\d+) ", help_of(name), re.M))
        equal(f"{name}(8) has the exit statuses of --help", statuses(page(name + ".8")), said)


def admin_help():
    """`noun verb` → its options."""
    commands = {}
    for line in re.findall(r"^  ([a-z].*)\n      \S", help_of("postfix-virtual"), re.M):
        words = re.match(r"[a-z-]+(?: [a-z-]+)?", line)[0].split()
        commands[" ".join(words)] = set(re.findall(r"\[(--[a-z-]+)", line))
    return commands


def admin_page():
    """The same, of the man page: each `.It Cm` up to the next."""
    commands = {}
    for part in page("postfix-virtual.8").partition(".Sh COMMANDS")[2].partition("\n.Sh ")[0].split("\n.It Cm ")[1:]:
        words = re.match(r"[a-z-]+(?: [a-z-]+)?", part)[0]
        options = set()
        for line in part.split("\n"):
            options |= flags(line)
        commands[words] = options - GLOBAL
    return commands


def admin():
    said, written = admin_help(), admin_page()
    check("postfix-virtual --help lists commands at all", len(said) > 10, said)
    equal("postfix-virtual(8) has the commands of --help", sorted(written), sorted(said))
    for command in sorted(set(said) & set(written)):
        equal(f"postfix-virtual(8) has the options of `{command}`", written[command], said[command])
    synopsis = page("postfix-virtual.8").partition(".Sh SYNOPSIS")[2].partition(".Sh DESCRIPTION")[0]
    equal("postfix-virtual(8) has the options of every command", flags(synopsis),
          set(re.findall(r"^  (--?\w+) ", help_of("postfix-virtual").partition("\n  -c DIR")[2], re.M)) | {"-c"})
    numbers = re.findall(r"\b(\d+) [a-z]", help_of("postfix-virtual").partition("Exit status:")[2].replace("\n", " "))
    equal("postfix-virtual(8) has the exit statuses of --help", statuses(page("postfix-virtual.8")), set(numbers))


def settings():
    etc = folder()
    said = json.loads(must([os.path.join(BUILD, "postfix-virtual"), "-c", etc, "--json", "config"]))
    rows = re.findall(r"^\.It Va (\w+) (?:Pq (?:Pa|Li) (\S+)|No (\(empty\)))$", page("virtual.conf.5"), re.M)
    equal("virtual.conf(5) has every setting of `postfix-virtual config`, with its default",
          {name: "" if empty else value for name, value, empty in rows}, said)


def part(text, title):
    return text.partition(f"\n.Sh {title}\n")[2].partition("\n.Sh ")[0]


def mail():
    """The settings of domain.conf and users/USER."""
    text = page("postfix-virtual-files.5")
    both = part(text, "SETTINGS OF BOTH")
    for title, column in ("DOMAIN.CONF", 0), ("USERS", 1):
        rows = re.findall(r"^\.It Va (\w+) (?:Pq Li (\S+)|No (\(empty\)))$", part(text, title) + both, re.M)
        equal(f"postfix-virtual-files(5), {title}, has every setting with its default",
              {name: "" if empty else value for name, value, empty in rows},
              {name: s[2] for name, s in mail_settings().items() if s[column]})


def readme():
    text, make = text_of("README.md"), text_of("Makefile")
    commands = admin_help()
    used = re.findall(r"postfix-virtual ((?:setup|[a-z]+ [a-z]+)\b[^`\n]*)", text)
    check("README names commands of postfix-virtual", len(used) >= 3, used)
    for line in used:
        words = next((c for c in commands if re.match(re.escape(c) + r"\b", line)), None)
        options = set(re.findall(r"--[a-z-]+", line))
        check(f"README's `postfix-virtual {line.strip()}` exists",
              words is not None and options <= commands[words] | GLOBAL, commands)
    targets = set(re.findall(r"^\.PHONY: (.*)", make, re.M)[0].split())
    for target in sorted(set(re.findall(r"(?:^    |`)make ([a-z]+)\b", text, re.M))):
        check(f"README's `make {target}` is a target", target in targets, targets)
    for path in sorted(set(re.findall(r"`(\.?[\w./-]+(?:\.md|/run|/)|LICENSE)`", text))):
        if not path.startswith("/"):
            check(f"README's {path} is there", os.path.exists(os.path.join(TOP, path)))
    for name, section in set(re.findall(r"`([\w.-]+)\((\d)\)`", text)):
        check(f"README's {name}({section}) is there", f"{name}.{section}" in PAGES or
              f"{name.removesuffix('.' + section)}.{section}" in PAGES, PAGES)
    variables = re.findall(r"^\| (`[A-Z_a-z`, ]+`) \| ([^|]+) \|", text, re.M)
    check("README has a table of variables", len(variables) > 5, variables)
    for names, defaults in variables:
        for name, default in zip(re.findall(r"`(\w+)`", names), defaults.split(",")):
            value = "" if "(empty)" in default else default.strip().strip("`")
            found = re.findall(rf"^{name} \??= *(.*)$", make, re.M)
            check(f"README's variable {name} has that default", found == [value] if found else
                  value == "" and f"$({name})" in make, f"{found} {value!r}")


def delivery():
    """The example and the formats that are written down, by a real delivery."""
    h = House()
    account = h.account("m")
    h.domain("kvt.dk", account, {"abc": "."})

    def deliver(text, *args):
        return run([f"{h.bin}/virtual-deliver", "-c", h.etc, *args], data=text, env={"HOME": account.pw_dir},
                   user=account.pw_uid, group=account.pw_gid, extra_groups=[])

    said = deliver(b"\n", "-n", "abc+x@kvt.dk").stdout.decode().replace(h.spool, "/var/spool/virtual")
    contains("virtual-deliver(8) shows what -n prints", page("virtual-deliver.8"), said)
    host = h.settings["myhostname"]
    deliver(f"Received: by {host} (Postfix, from userid 0)\n\tid 0123456789; Fri, 20 Nov 2026 09:56:12 +0000\n\nx\n".encode(),
            "abc@kvt.dk")
    side = {n: os.path.getsize(os.path.join(h.spool, "kvt.dk", n)) for n in os.listdir(os.path.join(h.spool, "kvt.dk"))}
    equal("virtual-deliver(8) names the files that are there after a delivery",
          {n for n in (".NAME.lock", ".NAME.journal", ".NAME.done") if n in page("virtual-deliver.8")},
          {n.replace("abc", "NAME") for n in side if n != "abc"})
    design = text_of("DESIGN.md")
    record = side[".abc.journal"] - side["abc"]
    equal("DESIGN.md states the length of a journal's record", re.findall(r"A record of (\d+) bytes", design), [str(record)])
    row = re.findall(r"^\| ([\d, ]+) \| ", design.partition("**`.NAME.journal`**")[2].split("\n\n")[1], re.M)
    equal("and its fields are that long together", sum(int(n) for r in row for n in r.split(",")), record)
    equal("DESIGN.md states the length of a dotlock", re.findall(r"(\d+) bytes of text", design), [str(side[".abc.lock"])])


def main():
    lint()
    small_programs()
    admin()
    settings()
    mail()
    readme()
    delivery()
    done()


main()
