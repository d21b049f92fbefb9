#!/usr/bin/python3
"""virtual-pop3d at its start and its end: which GNU pop3d it takes, what it says to a wrong setting, and how sessions end with it."""
import os
import signal
import shutil
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import check, contains, done, equal  # noqa: E402
from house import House  # noqa: E402
from pop3 import Pop3, certificate, mbox, md5_hash  # noqa: E402
from pop3d import POP3D, ours, ours_argv, session_process  # noqa: E402
from postfix import free_port  # noqa: E402
from scratch import at_end, read, run, wait_for, write  # noqa: E402


def by_hand(h, program, **more):
    """A GNU pop3d (or another program) with the module in it, as virtual-pop3d would start it."""
    env = {"LD_PRELOAD": os.path.join(h.bin, "virtual-pop3d.so"), "VIRTUAL_POP3D_CONFIG": h.etc, "VIRTUAL_POP3D_SESSIONS": "2", **more}
    r = run([program, "--no-config", "--inetd"], data=b"QUIT\r\n", env={k: v for k, v in env.items() if v})
    return r.returncode, (r.stdout + r.stderr).decode(errors="replace")


def other_binaries(h):
    """Another version, or one that lacks an import, is refused by name; each is GNU's own with as many bytes changed."""
    real = read(POP3D)

    def patched(name, old, new):
        if real.count(old) != 1 or len(old) != len(new):
            raise RuntimeError(f"{old!r} stands {real.count(old)} times in {POP3D}")
        return write(h.path(name), real.replace(old, new), 0o755)
    status, said = by_hand(h, POP3D)
    check("the known GNU pop3d is taken", status == 0 and said.startswith("+OK Virtual POP3 Server ready"), said)
    status, said = by_hand(h, patched("pop3d.316", b"\0pop3d (GNU Mailutils 3.15)\0", b"\0pop3d (GNU Mailutils 3.16)\0"))
    equal("another version is refused by its name", (status, said),
          (78, "virtual-pop3d: is made for pop3d (GNU Mailutils 3.15), and this is pop3d (GNU Mailutils 3.16)\n"))
    for old, new in (b"\0mu_mailbox_flush\0", b"\0mu_mailbox_close\0"), (b"\0manlock_unlock\0", b"\0mu_stream_seek\0"), (b"\0mu_get_auth\0", b"\0mu_strerror\0"):
        status, said = by_hand(h, patched("pop3d" + old.strip(b"\0").decode(), old, new))
        name = old.strip(b"\0").decode()
        equal(f"one that does not use {name} is refused by that name", (status, said.endswith(f"it does not use {name}\n")), (78, True))
    status, said = by_hand(h, "/bin/true")
    equal("so is a program that is no GNU pop3d", (status, said.split(": ")[0]), (78, "virtual-pop3d"))
    status, said = by_hand(h, POP3D, VIRTUAL_POP3D_CONFIG="")
    equal("and a start without virtual-pop3d", (status, said), (78, "virtual-pop3d: this module is loaded by virtual-pop3d only\n"))


# --- wrong settings ---

def attempt(h, *more, account=None, **settings):
    """Start the server, which should not begin; (its status, what it said)."""
    h.write_settings(pop3_certificate="", pop3_key="", pop3_tls="optional", pop3s_listen="", pop3_listen=f"127.0.0.1:{free_port()}")
    h.write_settings(**settings)
    ids = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
    try:
        r = run(ours_argv(h, *more), timeout=3, **ids)
    except subprocess.TimeoutExpired:
        return None, "it began"
    return r.returncode, (r.stdout + r.stderr).decode()


def wrong_settings(h):
    for name in ("one", "two"):
        os.mkdir(h.path(name))
    (cert, key), (_, other) = certificate(h.path("one")), certificate(h.path("two"))
    a = h.account("x")
    bad = write(h.path("bad.pem"), "nonsense\n", 0o600)
    foreign = write(h.path("foreign.pem"), read(key), 0o600, a)
    open_key = write(h.path("open.key"), read(key), 0o644)
    written = write(h.path("written.pem"), read(cert), 0o666)
    loose = shutil.copy(os.path.join(h.bin, "virtual-pop3d.so"), h.path("loose.so"))
    os.chmod(loose, 0o777)
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    port, free = taken.getsockname()[1], free_port()
    tls = {"pop3_certificate": cert, "pop3_key": key}
    table = [  # settings or options, status, a part of the sentence
        ({"pop3_tls": "required"}, 1, "name a pop3_certificate"), ({"pop3s_listen": f"127.0.0.1:{free}"}, 1, "name a pop3_certificate"),
        ({"pop3_certificate": cert}, 1, "pop3_certificate has no pop3_key"), ({**tls, "pop3_certificate": cert + "x"}, 1, f"pop3_certificate = {cert}x: No such file"),
        ({**tls, "pop3_key": key + "x"}, 1, f"pop3_key = {key}x: No such file"), ({**tls, "pop3_key": h.top}, 1, "must be a regular file"),
        ({**tls, "pop3_key": foreign}, 1, "file of root's"), ({**tls, "pop3_key": open_key}, 1, f"pop3_key = {open_key} has mode 0644: chmod o-rwx,g-w it"),
        ({**tls, "pop3_certificate": written}, 1, f"pop3_certificate = {written} has mode 0666: chmod go-w it"),
        ({**tls, "pop3_certificate": bad}, 1, f"pop3_certificate = {bad}, pop3_key = {key}: Base64"),
        ({**tls, "pop3_key": bad}, 1, f"pop3_key = {bad}: The requested data"), ({**tls, "pop3_key": other}, 1, "The certificate and the given key do not match"),
        ({"pop3_listen": ""}, 1, "names no place to listen at"), ({"pop3_listen": "foo:110"}, 75, "write addresses and ports like"),
        ({"pop3_listen": f"127.0.0.1:{port}"}, 75, f"listen at 127.0.0.1, port {port}: Address already in use"),
        ({"pop3_listen": f"127.0.0.1:{free},127.0.0.1:{port}"}, 75, f"listen at 127.0.0.1, port {port}: Address already in use"),
        ({"pop3_listen": "192.0.2.77:110"}, 75, "listen at 192.0.2.77, port 110: Cannot assign"), ({"pop3_timeout": "599"}, 75, "pop3_timeout"),
        ({"pop3_sessions": "0"}, 75, "pop3_sessions"), ({"nonsense": "1"}, 75, "nonsense"),
        (["--listen", "localhost:110"], 1, "write an address and a port"), (["--listen"], 2, "usage: "), (["--nosuch"], 2, "usage: "), (["here"], 2, "stands behind `--`"),
        (["--inetd", "--listen", "127.0.0.1:1"], 2, "--inetd listens nowhere"), (["--module", "virtual-pop3d.so"], 1, "give an absolute path"),
        (["--module", "/nowhere/m.so"], 75, "module /nowhere/m.so: No such file"), (["--module", loose], 1, "that nobody else can write"), (["-c", "/nowhere"], 75, "/nowhere")]
    wrong = []
    for how, status, part in table:
        got = attempt(h, *how) if isinstance(how, list) else attempt(h, **how)
        if got[0] != status or part not in got[1] or "virtual-pop3d: " not in got[1] and status != 2:
            wrong.append(f"{how}: {got}, not {status} and `{part}`")
        if "nonsense" in h.settings:
            del h.settings["nonsense"]
        h.settings.update(pop3_timeout="600", pop3_sessions="200")
    check("each wrong setting is refused in a sentence that names it", not wrong, "\n".join(wrong))
    status, said = attempt(h, account=a)
    equal("who is not root is told so", (status, said), (1, "virtual-pop3d: must be started by root: it becomes each user's account\n"))
    taken.close()
    attempt(h, "--nosuch")  # the settings of a server that begins


def run_directory(h):
    h.write_settings(run_directory=h.path("run", "made"))
    s = ours(h)
    with Pop3(*s.at) as p:
        p.must_login("abc@kvt.dk", "secret")
    st = os.stat(h.path("run", "made"))
    equal("a run_directory that is missing is made, for root alone to write", (st.st_uid, st.st_mode & 0o022), (0, 0))
    h.write_settings(run_directory=os.path.join(write(h.path("file"), ""), "run"))
    with Pop3(*s.at) as p:
        equal("one that cannot be made lets nobody in, by a temporary error", (p.greeting[:15], p.ended()), (b"-ERR [SYS/TEMP]", True))
    check("and is in the log", h.log.wait("begin a session"), h.log.lines)
    h.write_settings(run_directory=h.path("run"))
    write(os.path.join(h.etc, "virtual.conf"), read(os.path.join(h.etc, "virtual.conf")) + b"nonsense\n")
    with Pop3(*s.at) as p:
        equal("so are settings that are wrong while the server runs", (p.greeting[:15], p.ended()), (b"-ERR [SYS/TEMP]", True))
    h.write_settings()
    with Pop3(*s.at) as p:
        contains("and when they are right again all is well", p.greeting, b"+OK")
    s.stop()


# --- the end ---

def lives(pid):
    """A process whose parent has ended may be dead for a while before somebody buries it."""
    return read(f"/proc/{pid}/stat").rpartition(b")")[2].split()[:1] not in ([], [b"Z"])


def before_quit(s):
    p = Pop3(*s.at)
    p.must_login("abc@kvt.dk", "secret")
    p.ask("DELE 1")
    return p


def ends(h, account):
    box = os.path.join(h.spool, "kvt.dk", "abc")
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        write(box, mbox(3, 500), 0o600, account)
        s = ours(h)
        p, q = before_quit(s), Pop3(*s.at)
        pids = [session_process(p, s), session_process(q, s)]
        began = time.monotonic()
        status = s.stop(number)
        ended = p.ended(), q.ended()
        gone = wait_for(lambda: not any(lives(pid) for pid in pids), 5)
        equal(f"signal {int(number)} ends the server and its idle sessions, and nothing is deleted", (status, ended, bool(gone), read(box) == mbox(3, 500)),
              (0, (True, True), True, True))
        check(f"signal {int(number)}: at once", time.monotonic() - began < 3)


def in_the_middle_of_quit(h, account):
    """Each write of the session is slow; the server is stopped when the first of its QUIT has begun."""
    box = os.path.join(h.spool, "kvt.dk", "abc")
    write(box, mbox(3, 500), 0o600, account)
    s = ours(h)
    p = before_quit(s)
    pid = session_process(p, s)
    tracer = subprocess.Popen(["/usr/bin/strace", "-qq", "-p", str(pid), "-e", "trace=fsync,fdatasync,sync_file_range,renameat,rename,renameat2",
                               "-e", "inject=all:delay_enter=700000", "-o", h.path("quit.trace")], stderr=subprocess.DEVNULL)
    at_end(tracer.kill)
    wait_for(lambda: b"TracerPid:\t0" not in read(f"/proc/{pid}/status"))
    p.send(b"QUIT\r\n")
    time.sleep(0.3)
    equal("the server ends while a session is at its QUIT", s.stop(), 0)
    equal("which it brings to its end, and says so", (p.line(), p.ended()), (b"+OK\r\n", True))
    equal("and what was deleted is gone", read(box).count(b"\nSubject: "), 2)
    tracer.wait(20)


def again(h, account):
    """A server that is started anew finds its place free, though sessions of the old one live."""
    write(os.path.join(h.spool, "kvt.dk", "abc"), mbox(3, 500), 0o600, account)
    port = free_port()
    old = ours(h, port=port)
    p = before_quit(old)
    old.process.send_signal(signal.SIGKILL)
    old.process.wait()
    new = ours(h, port=port)
    with Pop3(*new.at) as q:
        equal("the old session still has its mailbox", q.login("abc@kvt.dk", "secret")[1][:13], b"-ERR [IN-USE]")
        equal("and ends well", p.ask("QUIT"), b"+OK\r\n")
        check("then the new server has it", q.login("abc@kvt.dk", "secret")[1].startswith(b"+OK") and q.count()[0] == 2)
    new.stop()


def without_pause(h):
    """A server that is never idle still counts its children, and hears that it is to stop."""
    h.write_settings(pop3_sessions="3", pop3_sessions_per_address="100")
    s = ours(h)
    code = ("import socket, sys, time\nend = time.time() + 4\nn = bad = 0\nwhile time.time() < end:\n    s = socket.create_connection(('127.0.0.1', int(sys.argv[1])), 10)\n"
            "    s.sendall(b'QUIT\\r\\n')\n    got = b''\n    while (x := s.recv(999)): got += x\n    n += 1\n    bad += not got.startswith(b'+OK')\n    s.close()\nprint(n, bad)\n")
    clients = [subprocess.Popen([sys.executable, "-c", code, str(s.port)], stdout=subprocess.PIPE) for _ in range(6)]
    counts = [tuple(map(int, c.communicate(timeout=60)[0].split())) for c in clients]
    check("6 clients without a pause at a server for 3: each is served", all(n > 5 and bad == 0 for n, bad in counts), counts)
    equal("no child is left", wait_for(lambda: not read(f"/proc/{s.pid}/task/{s.pid}/children"), 3), True)
    s.stop()
    h.write_settings(pop3_sessions="200")


def main():
    h = House()
    a = h.account("a")
    h.domain("kvt.dk", a, {"abc": "."}, hashes={"abc": md5_hash("secret")})
    h.write_settings(system_users="no")
    other_binaries(h)
    wrong_settings(h)
    run_directory(h)
    ends(h, a)
    in_the_middle_of_quit(h, a)
    again(h, a)
    without_pause(h)
    done()


main()
