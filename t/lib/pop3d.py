"""pop3d.py: POP3 servers on loopback ports: ours, and those that others made, each with a folder of its own.

    h = House(); a = h.account("a")
    h.domain("kvt.dk", a, {"abc": "."}, hashes={"abc": md5_hash("secret")})
    s = ours(h)                                    # virtual-pop3d; s.port, s.stop()
    with Pop3(*s.at) as p: p.must_login("abc@kvt.dk", "secret")

    mail = Mail(h.path("stock"), a, {"abc": md5_hash("secret")})   # what the others serve: system users or a passwd file
    stock(mail), dovecot(mail, tuned=True), popa3d(mail)

A server logs where ours logs to (log_socket of the house), the others below their folder. All are ended with the test.
"""
import os
import re
import shutil
import signal
import socket
import subprocess

import scratch
from pop3 import Pop3
from postfix import free_port
from scratch import CLEAN_ENV, at_end, read, wait_for, write

POP3D, DOVECOT, POPA3D = "/usr/sbin/pop3d", "/usr/sbin/dovecot", "/usr/sbin/popa3d"
SOCKET_ACTIVATE = "/usr/bin/systemd-socket-activate"


class Server:
    """A program that serves `port`; ended at the end of the test."""

    def __init__(self, title, argv, port, log, env=None, address="127.0.0.1", detached=False):
        """detached: in a session of its own, so that it may live on (see scratch.keep())."""
        self.title, self.port, self.log, self.address = title, port, log, address
        with open(log, "wb") as out:
            self.process = subprocess.Popen([str(a) for a in argv], env=dict(CLEAN_ENV, **(env or {})),
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                            start_new_session=detached)
        at_end(self.stop)
        if not wait_for(lambda: self.process.poll() is not None or self._answers(), 20):
            raise RuntimeError(f"{title}: no answer on port {port}: {self.output()}")
        if self.process.poll() is not None:
            raise RuntimeError(f"{title}: ended with {self.process.returncode}: {self.output()}")

    @property
    def at(self):
        return self.address, self.port

    @property
    def pid(self):
        return self.process.pid

    def _answers(self):
        """It listens: asked of the kernel, since a connection would be a session."""
        return any(e[1] == self.port and e[4] == LISTEN for e in connections())

    def output(self):
        return read(self.log).decode(errors="replace")

    def stop(self, number=signal.SIGTERM, seconds=20):
        """End it; returns its status. What does not end is killed, and that is an error."""
        if self.process.returncode is None:
            self.process.send_signal(number)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise RuntimeError(f"{self.title}: did not end by signal {number}") from None
        return self.process.returncode


class Inetd(Server):
    """Starts `argv` for each connection, with it on descriptors 0 and 1, as inetd does."""

    def __init__(self, title, argv, log, port=None):
        port = port or free_port()
        super().__init__(title, [SOCKET_ACTIVATE, "--inetd", "--accept", "-l", f"127.0.0.1:{port}", *argv], port, log)


class Mail:
    """Where a peer finds its users: `spool`, a folder with an mbox for each, named after him."""

    def __init__(self, top, account, hashes):
        """hashes: user → hash of his password; all mail is the account's. For stock() and popa3d() the users are
        accounts of the host: see system_mail()."""
        self.top, self.account, self.hashes = top, account, hashes
        os.makedirs(top, 0o755, exist_ok=True)
        self.spool = self.path("spool")
        os.mkdir(self.spool, 0o755)
        os.chown(self.spool, account.pw_uid, account.pw_gid)

    def path(self, *parts):
        return os.path.join(self.top, *parts)

    def mbox(self, user):
        return os.path.join(self.spool, user)


def system_mail(top, accounts, password_hash):
    """Mail of users of the host, who all get this password."""
    for account in accounts:
        scratch.set_password(account.pw_name, password_hash)
    mail = Mail(top, accounts[0], {a.pw_name: password_hash for a in accounts})
    os.chmod(mail.spool, 0o1777)  # each makes his lock there
    return mail


# --- ours ---

def ours_argv(house, *more):
    """virtual-pop3d as it is called before it is installed."""
    return [os.path.join(house.bin, "virtual-pop3d"), "--module", os.path.join(house.bin, "virtual-pop3d.so"), "-c",
            house.etc, *more]


def ours_is_built():
    return all(os.path.exists(os.path.join(scratch.BUILD, n)) for n in ("virtual-pop3d", "virtual-pop3d.so"))


def ours(house, *more, address="127.0.0.1", port=None):
    port = port or free_port()
    return Server("ours", ours_argv(house, "--listen", f"{address}:{port}", *more), port, house.path(f"pop3d.{port}"),
                  address=address)


def ours_inetd(house):
    return Inetd("ours, inetd", ours_argv(house, "--inetd"), house.path("pop3d.inetd"))


class Session:
    """One session of ours, whose process is known and waited for: what inetd starts for a connection, whose other end is
    .client (a Pop3). house: anything with .bin and .etc."""

    def __init__(self, house, name=None, password="secret"):
        """name: log in as this user; the answer to PASS is .login."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.client = Pop3(*listener.getsockname(), greet=False)
            server = listener.accept()[0]
        with server:
            self.process = subprocess.Popen(ours_argv(house, "--inetd"), env=CLEAN_ENV, stdin=server, stdout=server,
                                            stderr=subprocess.DEVNULL)
        scratch.at_end(self.end)
        self.client.greeting = self.client.line()
        self.login = self.client.login(name, password)[1] if name else b""

    def strace(self, log, *words):
        """From now on: strace(1) with these words, its output in the file log. Ends with the session."""
        self.tracer = subprocess.Popen(["/usr/bin/strace", "-o", log, "-p", str(self.process.pid), *words],
                                       stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        with self.tracer.stderr as said:
            while b" attached" not in (line := said.readline()):
                if not line:
                    raise RuntimeError(f"strace {words}: it ended with {self.tracer.wait()}")

    def end_by(self, last):
        """Say it, and be gone with its answer; b"" where the connection ended without one. The process has ended then."""
        try:
            answer = self.client.ask(last)
        except (EOFError, OSError):
            answer = b""
        self.wait()
        return answer

    def quit(self):
        return self.end_by("QUIT")

    def end(self):
        """Kill it, if it is still there."""
        if self.process.returncode is None:
            self.process.kill()
            self.wait()

    def wait(self, seconds=30):
        """Returns the status of the process, of which the client hears no more."""
        self.client.close()
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        if hasattr(self, "tracer"):
            self.tracer.wait()
        return status


def ours_by_socket(house):
    """As a socket unit of systemd's starts it: the listening socket is passed (LISTEN_FDS)."""
    port = free_port()
    return Server("ours, socket unit", [SOCKET_ACTIVATE, "-l", f"127.0.0.1:{port}", *ours_argv(house)], port,
                  house.path("pop3d.socket-unit"))


# --- the stock one ---

STOCK_CONF = """\
mode {mode};
foreground yes;
max-children 200;
mailbox {{ mail-spool "{spool}"; }};
auth {{ authentication "generic:system"; authorization "system"; }};
logging {{ syslog no; }};
tcp-wrappers {{ enable no; }};
"""


def stock_conf(mail, mode, server=""):
    """Without PAM, which costs each login 8 ms more: crypt(3) and the shadow file, by GNU's own modules."""
    return write(mail.path(f"pop3d.{mode}.conf"), STOCK_CONF.format(mode=mode, spool=mail.spool) + server)


def stock(mail):
    """GNU pop3d as a daemon, for the system users in mail."""
    port = free_port()
    conf = stock_conf(mail, "daemon", f"server 127.0.0.1:{port} {{ backlog 128; }};\n")
    return Server("GNU pop3d", [POP3D, f"--config-file={conf}"], port, mail.path("log"))


def stock_inetd(mail):
    return Inetd("GNU pop3d, inetd", [POP3D, f"--config-file={stock_conf(mail, 'inetd')}"], mail.path("log.inetd"))


# --- Dovecot ---

DOVECOT_CONF = """\
protocols = pop3
listen = 127.0.0.1
base_dir = {top}/run
state_dir = {top}/state
log_path = {top}/dovecot.log
ssl = {ssl}
disable_plaintext_auth = no
first_valid_uid = 1
mail_location = mbox:{top}/home/%n:INBOX={spool}/%n
passdb {{
  driver = passwd-file
  args = {top}/passwd
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={top}/home/%n
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {port}
  }}
  inet_listener pop3s {{
    port = 0
  }}
{login}}}
{tuned}"""
# What an administrator who needs speed says: processes that stay, passwords that are remembered, no flags.
DOVECOT_LOGIN = """\
  service_count = 0
  process_min_avail = 2
"""
DOVECOT_TUNED = """\
service pop3 {
  service_count = 1000
  process_min_avail = 8
}
auth_cache_size = 10M
auth_cache_verify_password_with_worker = no
pop3_no_flag_updates = yes
mbox_very_dirty_syncs = yes
mail_fsync = optimized
"""


def dovecot(mail, tuned=False, certificate=None):
    """Dovecot 2.3 on mbox files, as it comes or tuned. certificate: (file, key): STLS is offered."""
    port = free_port()
    for name in ("home", "state"):
        os.mkdir(mail.path(name))
    os.chown(mail.path("home"), mail.account.pw_uid, mail.account.pw_gid)
    write(mail.path("passwd"), "".join(f"{u}:{{CRYPT}}{h}\n" for u, h in mail.hashes.items()))
    ssl = "yes\nssl_cert = <{}\nssl_key = <{}".format(*certificate) if certificate else "no"
    conf = write(mail.path("dovecot.conf"), DOVECOT_CONF.format(
        top=mail.top, spool=mail.spool, ssl=ssl, uid=mail.account.pw_uid, gid=mail.account.pw_gid, port=port,
        login=DOVECOT_LOGIN if tuned else "", tuned=DOVECOT_TUNED if tuned else ""))
    return Server("Dovecot tuned" if tuned else "Dovecot", [DOVECOT, "-F", "-c", conf], port, mail.path("log"))


def forget_index(mail, user):
    """Remove what Dovecot remembers of a mailbox, so that its next session is the first."""
    shutil.rmtree(mail.path("home", user), ignore_errors=True)


# --- popa3d ---

def popa3d_program():
    """Where it is, or None: its package and that of GNU pop3d exclude each other. PV_POPA3D names an unpacked one."""
    path = os.environ.get("PV_POPA3D", POPA3D)
    return path if os.access(path, os.X_OK) else None


def _remove(path):
    if os.path.exists(path):
        os.unlink(path)


def popa3d(mail):
    """popa3d under inetd, for the system users in mail. It looks in /var/mail only: that becomes mail's spool."""
    mail.spool = "/var/mail"
    for user in mail.hashes:
        at_end(_remove, mail.mbox(user))
    return Inetd("popa3d, inetd", [popa3d_program()], mail.path("log"))


# --- who serves a connection ---

LISTEN, ESTABLISHED = 10, 1


def connections():
    """[(our address in hex, our port, their port, inode, state)] of TCP on this host."""
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in read(table).decode().splitlines()[1:]:
            fields = line.split()
            here, there = fields[1].split(":"), fields[2].split(":")
            found.append((here[0], int(here[1], 16), int(there[1], 16), fields[9], int(fields[3], 16)))
    return found


def session_pid(server_port, client_port):
    """The process that has the server's end of this connection, the youngest where several do; None: no one has."""
    inodes = {e[3] for e in connections() if e[1:3] == (server_port, client_port) and e[4] == ESTABLISHED}
    holders = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            links = [os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")]
            if any(link == f"socket:[{inode}]" for link in links for inode in inodes):
                started = int(read(f"/proc/{pid}/stat").rpartition(b")")[2].split()[19])
                holders.append((started, int(pid)))
        except (OSError, IndexError):
            continue
    return max(holders)[1] if holders else None


def session_process(client, server):
    """The same for a Pop3 of pop3.py and a Server."""
    return session_pid(server.port, client.address[1])


def anonymous_kib(pid):
    """Memory of a process that is no file's."""
    m = re.search(rb"^Anonymous:\s+(\d+) kB$", read(f"/proc/{pid}/smaps_rollup"), re.M)
    return int(m[1]) if m else None


def bytes_read(pid):
    """What read(2), pread(2) and the like have returned to a process since it was forked."""
    m = re.search(rb"^rchar: (\d+)$", read(f"/proc/{pid}/io"), re.M)
    return int(m[1]) if m else None


def loopback_has(address):
    """Can a server listen at this address here (127.0.0.2, ::1)?"""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as s:
        try:
            s.bind((address, 0))
        except OSError:
            return False
    return True
