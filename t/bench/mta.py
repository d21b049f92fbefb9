"""Through a real Postfix of our own: 8 SMTP clients, 8 recipients, one way of delivery after the other."""

import os
import shutil
import subprocess
import sys
import time

import common as c

sys.path.insert(0, os.path.join(c.TOP, "t", "lib"))
import house  # noqa: E402  (t/lib)
import scratch as test_scratch  # noqa: E402

CLIENTS, PER_CLIENT, ROUNDS = 8, 50, 5
DOVECOT = "/usr/sbin/dovecot"

MAIN_CF = """\
maillog_file_permissions = 0644
virtual_alias_domains = ours.example.net floor.example.net
virtual_alias_maps = texthash:{top}/aliases
virtual_mailbox_domains = virtual.example.net maildir.example.net mbox.example.net
virtual_mailbox_maps = texthash:{top}/mailboxes
virtual_mailbox_base = {top}/virtual
virtual_mailbox_limit = 0
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
transport_maps = inline:{{ virtual.invalid=vlocal: discard.example.net=discard:,
    {{maildir.example.net = unchrooted:unix:{top}/dovecot/maildir/lmtp}}, {{mbox.example.net = unchrooted:unix:{top}/dovecot/mbox/lmtp}} }}
vlocal_destination_recipient_limit = 1
vlocal_destination_concurrency_limit = 20
virtual_destination_concurrency_limit = 20
unchrooted_destination_concurrency_limit = 20
relay_domains = discard.example.net
smtpd_client_connection_count_limit = 0
"""

DOVECOT_CONF = """\
protocols = lmtp
base_dir = {base}
state_dir = {base}/state
log_path = {base}/log
ssl = no
first_valid_uid = 1
mail_fsync = optimized
mail_location = {location}
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={base}/home/%n
}}
service lmtp {{
  process_min_avail = 8
  unix_listener lmtp {{
    mode = 0666
  }}
}}
"""


class Dovecot:
    """A private Dovecot that serves LMTP on base/lmtp."""

    def __init__(self, base, location, account):
        os.makedirs(os.path.join(base, "home"))
        shutil.chown(os.path.join(base, "home"), account.pw_name)
        conf = os.path.join(base, "conf")
        test_scratch.write(conf, DOVECOT_CONF.format(base=base, location=location, uid=account.pw_uid,
                                                     gid=account.pw_gid))
        self.process = subprocess.Popen([DOVECOT, "-F", "-c", conf], env=c.CLEAN_ENV, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        test_scratch.at_end(self.stop)
        self.works = test_scratch.wait_for(lambda: os.path.exists(os.path.join(base, "lmtp")), 10)

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


def make_house():
    """A house with the ways as domains; one account, eight users."""
    h = house.House()
    a = h.account("b")
    users = [f"u{i}" for i in range(CLIENTS)]
    drain = c.LogDrain(h.path("drain.socket"))
    test_scratch.at_end(drain.close)
    h.write_settings(mail_directory=h.path("no-mail"), log_socket=h.path("drain.socket"))
    h.domain("ours.example.net", a, {u: "." for u in users})
    os.makedirs(h.path("virtual"))
    shutil.chown(h.path("virtual"), a.pw_name)
    floor = shutil.copy(c.tool("floor"), h.bin)
    for u in users:
        h.forward(a, u, "ours.example.net")
        h.forward(a, u, "floor.example.net", f'"|{floor} {a.pw_dir}/floor.{u}"\n')
    lines = [f"{u}@{d}.example.net {a.pw_name}+{u}--{d}.example.net@virtual.invalid\n" for u in users
             for d in ("ours", "floor")]
    test_scratch.write(h.path("aliases"), "".join(lines))
    test_scratch.write(h.path("mailboxes"), "".join(f"{u}@{d}.example.net {u}\n" for u in users
                                                     for d in ("virtual", "maildir", "mbox")))
    h.postfix.append("main.cf", MAIN_CF.format(top=h.top, uid=a.pw_uid, gid=a.pw_gid))
    h.postfix.append("master.cf", h.sample("master.cf") + "unchrooted unix - - n - - lmtp\n")
    return h, a


def processor_seconds(pids):
    """User + system time of the processes and of all their children, the waited-for ones too."""
    children, spent = {}, {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as f:
                fields = f.read().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(entry))
        spent[int(entry)] = sum(map(int, fields[11:15]))
    total, todo = 0, list(pids)
    while todo:
        pid = todo.pop()
        total += spent.get(pid, 0)
        todo += children.get(pid, [])
    return total / os.sysconf("SC_CLK_TCK")


def send_all(h, domain):
    """All clients at once; returns when the last message has left the queue."""
    begin = time.monotonic()
    clients = [subprocess.Popen(["/usr/sbin/smtp-source", "-s", "1", "-m", str(PER_CLIENT), "-l", "4096", "-f",
                                 "s@example.org", "-t", f"u{i}@{domain}", f"127.0.0.1:{h.postfix.port}"],
                                env=c.CLEAN_ENV, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
               for i in range(CLIENTS)]
    for client in clients:
        complaint = client.communicate()[1]
        if client.returncode != 0:
            raise SystemExit("bench: smtp-source: " + complaint.decode(errors="replace"))
    if not test_scratch.wait_for(lambda: not h.postfix.queued(), 120, 0.005):
        print(f"  # {domain}: the queue is not empty: " + "\n".join(h.postfix.log_lines("status=deferred")[-3:]))
    return time.monotonic() - begin


def ways(h, account):
    """(title, domain) of what can be measured here, and the Dovecots that serve some."""
    found = [("discard(8)", "discard.example.net"), ("local: pipe to the floor", "floor.example.net"),
             ("virtual(8), mbox", "virtual.example.net")]
    if os.path.exists(os.path.join(h.bin, "virtual-deliver")):
        found.insert(2, ("local: virtual-deliver", "ours.example.net"))
    servers = []
    if os.path.exists(DOVECOT) and os.path.exists("/usr/lib/dovecot/lmtp"):
        for name, location in (("maildir", "maildir:~/Maildir"), ("mbox", "mbox:~/mail:INBOX=~/inbox")):
            base = h.path("dovecot", name)
            servers.append(Dovecot(base, location, account))
            if servers[-1].works:
                found.append((f"Dovecot LMTP, {name}", f"{name}.example.net"))
    return found, servers


def section_postfix(_):
    if not shutil.which("smtp-source", path="/usr/sbin:/usr/bin"):
        print("\npostfix: smtp-source is not installed")
        return
    h, account = make_house()
    h.start()
    found, servers = ways(h, account)
    figures = {title: ([], []) for title, _ in found}
    for title, domain in found:
        send_all(h, domain)  # mailboxes made, daemons started
    for _ in range(ROUNDS):
        for title, domain in found:
            trees = [h.postfix.master_pid()] + [s.process.pid for s in servers]
            before = processor_seconds(trees)
            wall = send_all(h, domain)
            figures[title][0].append(CLIENTS * PER_CLIENT / wall)
            figures[title][1].append((processor_seconds(trees) - before) / (CLIENTS * PER_CLIENT) * 1e6)
    report(h, found, figures)
    test_scratch.clean_up()


def report(h, found, figures):
    rate = {title: c.median(figures[title][0]) for title, _ in found}
    rows = [[t, rate[t], c.median(figures[t][1]), len(h.postfix.log_lines(f"@{d}>", "status=bounced")) +
             len(h.postfix.log_lines(f"@{d}>", "status=deferred"))] for t, d in found]
    c.table(f"postfix: {CLIENTS} SMTP clients, 4 KiB, median of {ROUNDS} rounds of {CLIENTS * PER_CLIENT}",
            ["way", "msg/s", "CPU us, all", "not sent"], rows)
    mine = figures.get("local: virtual-deliver", ([], []))[0]
    goals = {"local: pipe to the floor": 0.93, "virtual(8), mbox": 1.0, "Dovecot LMTP, maildir": 1.0,
             "Dovecot LMTP, mbox": 1.0}
    for title, least in goals.items():
        if title in figures:
            pairs = [[(x,) for x in rates] for rates in (mine, figures[title][0])]
            c.goal(f"messages a second, to {title}", c.paired(*pairs, 0), ">=", least)
