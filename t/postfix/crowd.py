#!/usr/bin/python3
"""Many messages at once to the users of several domains, while deliveries and Postfix's own local(8) processes
are killed at random: each message ends in its mailbox, whole and once, and none bounces.
"""
import os
import random
import signal
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import smtp  # noqa: E402
from tap import check, done, equal, note  # noqa: E402
from house import House, messages  # noqa: E402
from postfix import QUEUES  # noqa: E402
from scratch import wait_for, write  # noqa: E402

CLIENTS, MESSAGES = 6, 30  # messages of each client
SIZES = (200, 5000, 70000, 1500000)
SEED = int(os.environ.get("PV_SEED", random.randrange(10 ** 6)))

# Becomes virtual-deliver (a child of local(8), as it must be); in a part of the runs a child of its own kills it
# after a random time. A killed command is deferred.
WRAPPER = """\
#!/usr/bin/python3 -IS
import os, random, signal, sys, time
me = os.getpid()
if random.random() < 0.4 and os.fork() == 0:
    os.closerange(0, 64)
    time.sleep(random.random() * 0.012)
    if os.getppid() == me:
        os.kill(me, signal.SIGKILL)
    os._exit(0)
if open(f"/proc/{{os.getppid()}}/comm").read() != "local\\n":
    sys.exit(75)  # killed while we were starting, which takes much longer than virtual-deliver's own start
command = {deliver!r} + sys.argv[1:]
os.execv(command[0], command)
"""


def body(number, size):
    """A message that can be told to be whole."""
    line = f"{number} ".encode() * 10 + b"\n"
    return line * (size // len(line) + 1) + f"end of {number}\n".encode()


def text(number, size):
    return f"Subject: {number}\nMessage-ID: <{number}@example.org>\n\n".encode() + body(number, size)


def client(h, plan, refused):
    d = smtp.Dialogue(h.postfix.port)
    for number, recipient, size in plan:
        d.command("MAIL FROM:<s@example.org>")
        answer = d.command(f"RCPT TO:<{recipient}>")
        last = d.data(text(number, size))
        if not (answer.startswith("250") and last.startswith("250")):
            refused.append((number, answer, last))
    d.close()


def kill_local(h, stop, killed):
    """Now and then end a local(8) of ours whose virtual-deliver reads: what comes then is half a message."""
    first = {}  # pid → how much it had read when it was first seen
    while not stop.wait(0.003):
        running = [pid for pid in h.postfix.processes() if name_of(pid) == "virtual-deliver"]
        first = {pid: first.get(pid, bytes_read(pid)) for pid in running}
        # It has read since, so it knows its parent: on a busy machine it may have been started long before it runs.
        victims = [parent_of(pid) for pid in running if bytes_read(pid) > first[pid]]
        victims = [parent for parent in victims if name_of(parent) == "local"]
        if victims:
            try:
                os.kill(victims[0], signal.SIGKILL)
                killed.append(1)
            except ProcessLookupError:
                pass
            stop.wait(0.05)


def name_of(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="ascii") as f:
            return f.read().strip()
    except OSError:
        return ""


def bytes_read(pid):
    try:
        with open(f"/proc/{pid}/io", encoding="ascii") as f:
            return int(f.read().split()[1])
    except (OSError, IndexError, ValueError):
        return 0


def parent_of(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return int(f.read().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def flush_until_empty(h, seconds):
    def empty():
        h.postfix.flush()
        return wait_for(lambda: not h.postfix.queued(), 0.7)
    return wait_for(empty, seconds)


def send_all(h, plans):
    """All clients at once; returns what was refused and how many local(8) were killed."""
    refused, killed, stop = [], [], threading.Event()
    killer = threading.Thread(target=kill_local, args=(h, stop, killed))
    clients = [threading.Thread(target=client, args=(h, plan, refused)) for plan in plans]
    for t in [killer] + clients:
        t.start()
    for t in clients:
        t.join()
    time.sleep(1)
    stop.set()
    killer.join()
    return refused, len(killed)


def stored(h, users):
    """(user, number) → bodies, for every message in every mailbox."""
    found = {}
    for user, domain in users:
        for m in messages(h.mailbox(domain, user)):
            head, _, rest = m.partition(b"\n\n")
            number = head.partition(b"\nSubject: ")[2].partition(b"\n")[0].decode()
            found.setdefault((f"{user}@{domain}", number), []).append(rest)
    return found


def left_in_queue(h):
    """Where the messages are that are left, what the log says of them, and who runs."""
    found = [f"{q}: {i}\n" + "\n".join(h.postfix.log_lines(i)[-6:]) for q in set(QUEUES) for i in h.postfix.in_queue(q)]
    return "\n".join(found + [f"{p} {name_of(p)}" for p in h.postfix.processes()])


def queue_ids(h, number):
    return [l.split(": ")[1] for l in h.postfix.log_lines(f"message-id=<{number}@example.org>")]


def build():
    h = House("transport_retry_time = 1s\nminimal_backoff_time = 1s\nmaximal_backoff_time = 1s\n"
              "service_throttle_time = 1s\nmessage_size_limit = 0\n")
    wrapper = write(h.path("bin", "wrapper"), WRAPPER.format(deliver=h.deliver.split()), 0o755)
    users = []
    for word, domains in (("a", ("kvt.dk", "second.dk")), ("b", ("other.dk",))):
        account = h.account(word)
        for domain in domains:
            h.domain(domain, account, {"one": ".", "two": "."})
            for user in ("one", "two"):
                h.forward(account, user, domain, f'"|{wrapper} {user}@{domain}"\n')
                users.append((user, domain))
    h.use_samples()
    h.maps()
    h.start()
    return h, users


def main():
    note(f"PV_SEED={SEED}")
    rng = random.Random(SEED)
    h, users = build()
    plans = [[(f"m{c}-{n}", "@".join(rng.choice(users)), rng.choice(SIZES)) for n in range(MESSAGES)] for c in range(CLIENTS)]
    refused, killed = send_all(h, plans)
    equal("every message is taken", refused, [])
    check("the queue runs empty in the end", flush_until_empty(h, 120), left_in_queue(h))
    deferred = len(h.postfix.log_lines("status=deferred"))
    note(f"{killed} local(8) killed, {deferred} deliveries deferred")
    check("many deliveries were killed, and a local(8)", deferred > 20 and killed > 0, (deferred, killed))
    found, want = stored(h, users), {(recipient, number): size for plan in plans for number, recipient, size in plan}
    equal("every message is in its mailbox, and in no other", sorted(set(want) ^ set(found)), [])
    for key, bodies in found.items():
        if len(bodies) != 1:
            note(f"{key}: {len(bodies)} times, of {[len(b) for b in bodies]} bytes; sent: {len(body(key[1], want[key]))}")
            note("\n".join(h.log.find(f"<{key[1]}@")))
            note("\n".join(l for l in h.postfix.log_lines() if any(i in l for i in queue_ids(h, key[1])) or "killed by" in l))
    equal("each of them once", [k for k, v in found.items() if len(v) != 1], [])
    equal("each of them whole", [k for k, v in found.items() if k in want and v[0] != body(k[1], want[k])], [])
    equal("none bounced", h.postfix.log_lines("status=bounced"), [])
    left = [n for _, domain in users for n in os.listdir(os.path.join(h.spool, domain))
            if n.endswith((".lock", ".new", ".tmp", ".spooled")) and not n.startswith(".")]
    equal("no lock is left", left, [])
    done()


main()
