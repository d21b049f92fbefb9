"""What every benchmark needs: the tools, a scratch folder, messages, tables, goals."""

import json
import os
import pwd
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
PROGRAMS = os.path.abspath(os.environ.get("PV_BUILD", os.path.join(TOP, "build", "plain")))
TOOLS = os.path.join(TOP, "build", "bench")
DELIVER = os.path.join(PROGRAMS, "virtual-deliver")
MAPS = os.path.join(PROGRAMS, "make-postfix-maps")
CLEAN_ENV = {"PATH": "/usr/bin:/bin", "LANG": "C"}
HOSTNAME = "mail.example.org"
COUNTER = "@COUNTER@"


def tool(name):
    return os.path.join(TOOLS, name)


def build_tools():
    """floor, reader, batch, peak and drain, static; by musl-gcc, as virtual-deliver is. What waits for others or
    looks for the machine's limit, by glibc's: its memchr() is the faster."""
    compiler = shutil.which("musl-gcc") or "gcc"
    os.makedirs(TOOLS, exist_ok=True)
    for name in ("floor", "reader", "batch", "peak", "drain", "pop3_client", "scan_limit"):
        source, binary = os.path.join(HERE, name + ".c"), tool(name)
        if os.path.exists(binary) and os.path.getmtime(binary) > os.path.getmtime(source):
            continue
        how = ["gcc"] if name in ("pop3_client", "scan_limit") else [compiler, "-static", "-no-pie"]
        subprocess.run([*how, "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O2", "-o", binary, source],
                       check=True)


def agent_user():
    """An account that every system has and nobody logs in to: some peers refuse a bare number."""
    for name in ("mail", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            pass
    raise SystemExit("bench: neither an account mail nor nobody")


class Scratch:
    """A folder of root's, with a folder `u` in it that belongs to the account of the agents."""

    def __enter__(self):
        self.user = agent_user()
        self.path = tempfile.mkdtemp(prefix="pv-bench.", dir="/var/tmp")
        os.chmod(self.path, 0o755)
        self.folder("u", own=True)
        self.log = LogDrain(self.at("log"))
        return self

    def __exit__(self, *_):
        self.log.close()
        shutil.rmtree(self.path, ignore_errors=True)

    def at(self, *names):
        return os.path.join(self.path, *names)

    def folder(self, *names, own=False, mode=0o755):
        path = self.at(*names)
        os.makedirs(path, exist_ok=True)
        os.chmod(path, mode)
        if own:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)
        return path

    def write(self, *names, text, own=False, mode=0o644):
        path = self.at(*names)
        with open(path, "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        os.chmod(path, mode)
        if own:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)
        return path


class LogDrain:
    """Takes the log lines of the agents, as syslogd would, so that they pay for sending them."""

    def __init__(self, path):
        self.process = subprocess.Popen([tool("drain"), path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        if self.process.stdout.readline() != b"ready\n":
            raise SystemExit(f"bench: no log socket at {path}")

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


def message(size, counter=COUNTER):
    """A message as local(8) hands it to a command; lines of 72 bytes, some of them `From ` lines."""
    head = ("From s@example.org  Fri Nov 20 09:56:12 2026\n"
            "Return-Path: <s@example.org>\n"
            "X-Original-To: abc@example.net\n"
            f"Delivered-To: mail+abc--example.net@{HOSTNAME}\n"
            "Received: from client.example.org (client.example.org [192.0.2.1])\n"
            f"\tby {HOSTNAME} (Postfix) with ESMTP id {counter}\n"
            "\tfor <abc@example.net>; Fri, 20 Nov 2026 09:56:12 +0000 (UTC)\n"
            f"Message-ID: <{counter}@example.org>\n"
            "From: s@example.org\nTo: abc@example.net\nSubject: a measured message\n"
            "Date: Fri, 20 Nov 2026 09:56:11 +0000\n\n").encode()
    line, quoted = b"x" * 71 + b"\n", b"From here on" + b"x" * 59 + b"\n"
    block = line * 49 + quoted
    body = (block * (size // len(block) + 1))[:size - len(head) - 1]
    return head + body + b"\n"


def account_agents(scratch, agent, text):
    """Run one command as the account, with text on stdin; returns the finished process."""
    return subprocess.run(agent, input=text, env=dict(CLEAN_ENV, HOME=scratch.at("u")), capture_output=True,
                          user=scratch.user.pw_uid, group=scratch.user.pw_gid, extra_groups=[], check=False)


def batch(scratch, path, agent, runs, at_once=1, modulo=1):
    """Start agent `runs` times on the message in file `path`. Returns batch's figures."""
    done = subprocess.run([tool("batch"), "-n", str(runs), "-k", str(at_once), "-m", str(modulo), "-u",
                           str(scratch.user.pw_uid), "-d", scratch.path, path] + agent,
                          env=dict(CLEAN_ENV, HOME=scratch.at("u")), capture_output=True, check=False)
    if done.returncode != 0:
        raise SystemExit("bench: batch failed: " + done.stderr.decode(errors="replace"))
    figures = json.loads(done.stdout)
    if figures["failed"]:
        print(f"  # {agent[0]}: {figures['failed']} of {runs} failed: {done.stderr.decode(errors='replace')[:200]}")
    figures["per_s"] = runs / figures["wall_s"]
    return figures


def system_calls(scratch, agent, text):
    """How many system calls one run makes, its children's included (execve too)."""
    if not shutil.which("strace"):
        return None
    out = scratch.write("u", "strace.out", text="", own=True)
    account_agents(scratch, ["strace", "-f", "-c", "-o", out] + agent, text)
    with open(out, encoding="utf-8") as f:
        rows = re.findall(r"^\s*100\.00\s+\S+\s+(?:\S+\s+)?(\d+)\s.*total$", f.read(), re.M)
    return int(rows[0]) if rows else None


def peak_kib(scratch, agent, text):
    done = account_agents(scratch, [tool("peak")] + agent, text)
    lines = done.stdout.split()
    return int(lines[-1]) if lines else None


def count_messages(path):
    """Messages of an mbox, and how many pieces of it are no whole message of ours."""
    try:
        with open(path, "rb") as f:
            text = f.read()
    except FileNotFoundError:
        return 0, 0
    parts = re.split(rb"^From (?=\S+ )", text, flags=re.M)[1:]
    damaged = sum(not p.endswith(b"\n\n") or p.count(b"\nMessage-ID: <") != 1 for p in parts)
    return len(parts), damaged


def table(title, columns, rows):
    print(f"\n{title}\n")
    cells = [columns] + [["-" if c is None else c if isinstance(c, str) else f"{c:,.2f}" if isinstance(c, float)
                          and c < 10 else f"{c:,.0f}" for c in row] for row in rows]
    widths = [max(len(r[i]) for r in cells) for i in range(len(columns))]
    for row in cells:
        print("  " + "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths)))
              .rstrip())
    sys.stdout.flush()


def goal(what, ratio, sign, limit):
    """One line that says whether a goal is met: `ratio 1.31 (goal <= 1.5) ok  WHAT`."""
    if ratio is None:
        print(f"  not measured (goal {sign} {limit:g})  {what}")
        return
    met = ratio <= limit if sign == "<=" else ratio >= limit
    print(f"  ratio {ratio:.2f} (goal {sign} {limit:g}) {'ok' if met else 'MISSED'}  {what}")


def limit(what, figure, most, unit):
    if figure is None:
        print(f"  not measured (goal <= {most:,})  {what}")
        return
    print(f"  {figure:,} {unit} (goal <= {most:,}) {'ok' if figure <= most else 'MISSED'}  {what}")


def median(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def paired(ours, theirs, key):
    """Median of the ratios round by round: what slows one round slows both sides of its ratio."""
    return median([ratio(a[key], b[key]) for a, b in zip(ours, theirs)])


def ratio(a, b):
    return a / b if a is not None and b else None
