"""postfix.py: a real Postfix of a test's own, on loopback, with Debian's own master.cf (smtpd, cleanup and
rewrite chrooted), everything in one folder. /etc/postfix is read for its list of map types only.
"""
import glob
import json
import os
import random
import re
import shutil
import signal
import socket

import smtp
from scratch import at_end, must, read, run, wait_for, write

MASTER_CF = "/usr/share/postfix/master.cf.dist"
# A message moves along this list, and from the last one back to active: walked so, none is missed.
QUEUES = ("deferred", "maildrop", "hold", "incoming", "active", "deferred")

# The client 127.0.0.1 is a stranger here: mynetworks holds another address. The rest is what Debian's
# package writes, with folders of our own.
MAIN_CF = """\
compatibility_level = 3.6
config_directory = {top}/postfix
queue_directory = {top}/queue
data_directory = {top}/data
maillog_file = {top}/log/maillog
maillog_file_prefixes = {top}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.example.net
myorigin = $myhostname
mydestination = $myhostname, localhost
mynetworks = 127.0.0.2/32
alias_maps = texthash:{top}/postfix/aliases
alias_database =
smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination
recipient_delimiter = +
biff = no
append_dot_mydomain = no
default_transport = error:outside mail is not sent by a test
smtpd_banner = $myhostname ESMTP
"""


def free_port():
    """A port that nobody uses, below those that the kernel gives to clients: none can take it meanwhile."""
    while True:
        port = random.randrange(12000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Postfix:
    def __init__(self, top, main_cf="", make=True):
        """Make (not start) an instance in the folder `top`; main_cf: lines that go behind ours.
        make=False: it is there already, made by somebody else."""
        self.top = top
        self.config, self.queue = os.path.join(top, "postfix"), os.path.join(top, "queue")
        self.log_file = os.path.join(top, "log", "maillog")
        if make:
            self.port = free_port()
            self._make(main_cf)

    def _make(self, main_cf):
        top = self.top
        for name in ("postfix", "queue", "data", "log"):
            os.makedirs(os.path.join(top, name), mode=0o755)
        shutil.chown(os.path.join(top, "data"), "postfix")
        write(os.path.join(self.config, "main.cf"), MAIN_CF.format(top=top) + main_cf)
        write(os.path.join(self.config, "aliases"), "postmaster root\n")
        shutil.copy("/etc/postfix/dynamicmaps.cf", self.config)
        self._master_cf()
        self._chroot_files()

    def _master_cf(self):
        """Debian's, with the port of the one line changed."""
        with open(MASTER_CF, encoding="utf-8") as f:
            text, count = re.subn(r"^smtp(\s+inet\s)", f"127.0.0.1:{self.port}\\1", f.read(), flags=re.M)
        if count != 1:
            raise RuntimeError(f"{MASTER_CF}: no line `smtp inet`")
        write(os.path.join(self.config, "master.cf"), text)

    def _chroot_files(self):
        """What Debian's start script copies below the queue folder."""
        os.makedirs(os.path.join(self.queue, "etc"))
        for name in ("hosts", "services", "nsswitch.conf", "resolv.conf", "localtime", "host.conf"):
            if os.path.exists(f"/etc/{name}"):
                shutil.copy(f"/etc/{name}", os.path.join(self.queue, "etc", name))
        for library in glob.glob("/lib/*-linux-gnu*/libnss_*"):
            target = self.queue + os.path.dirname(library)
            os.makedirs(target, exist_ok=True)
            shutil.copy(library, target)

    # --- settings ---

    def postconf(self, *args):
        return must(["/usr/sbin/postconf", "-c", self.config, *args])

    def set(self, **settings):
        self.postconf("-e", *[f"{k} = {v}" for k, v in settings.items()])

    def value(self, name):
        return self.postconf("-h", name).rstrip("\n")

    def append(self, name, text):
        """Add lines to main.cf or master.cf."""
        with open(os.path.join(self.config, name), "a", encoding="utf-8") as f:
            f.write(text)

    # --- life ---

    def _command(self, word):
        return run(["/usr/sbin/postfix", "-c", self.config, word])

    def start(self):
        at_end(self.stop)
        r = self._command("start")
        if r.returncode != 0:
            raise RuntimeError(f"postfix start: {r.stdout.decode()}{r.stderr.decode()}\n{self.log()}")
        if not wait_for(self._answers):
            raise RuntimeError(f"postfix does not answer on port {self.port}\n{self.log()}")

    def _answers(self):
        try:
            smtp.Dialogue(self.port, timeout=10).close()
            return True
        except OSError:
            return False

    def let_accounts_send(self):
        """Let accounts hand messages to this instance, which runs, by sendmail(1), and root call postqueue(). As they are
        installed, postdrop(1) and postqueue(1) have the set-gid bit, and so believe no configuration but those that the
        host's own names: here are copies without it, and a maildrop that is open to all."""
        commands = os.path.join(self.top, "commands")
        os.mkdir(commands, 0o755)
        for path in glob.glob("/usr/sbin/post*"):
            target = os.path.join(commands, os.path.basename(path))
            if os.path.basename(path) in ("postdrop", "postqueue"):
                shutil.copyfile(path, target)
                os.chmod(target, 0o755)
            else:
                os.symlink(path, target)
        self.set(command_directory=commands)
        os.chmod(os.path.join(self.queue, "maildrop"), 0o1777)
        os.chmod(os.path.join(self.queue, "public"), 0o711)

    def master_pid(self):
        """Of our own master, checked by the folder that it works in; None where it does not run."""
        text = read(os.path.join(self.queue, "pid", "master.pid")).strip()
        try:
            pid = int(text)
            return pid if os.readlink(f"/proc/{pid}/cwd") == self.queue else None
        except (ValueError, OSError):
            return None

    def stop(self):
        pid = self.master_pid()
        if pid:
            os.kill(pid, signal.SIGTERM)
            wait_for(lambda: self.master_pid() is None)
        if not wait_for(lambda: not self.processes()):
            for left in self.processes():
                os.kill(left, signal.SIGKILL)
            wait_for(lambda: not self.processes(), 5)

    def processes(self):
        """Live processes that work in our queue folder."""
        found = []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink(f"/proc/{entry}/cwd") == self.queue:
                    found.append(int(entry))
            except OSError:
                continue
        return found

    def reload(self):
        """Reload, and wait until the master has said that it did (before that, old processes answer)."""
        before = self.log().count("reload -- version")
        r = self._command("reload")
        if r.returncode != 0:
            raise RuntimeError(f"postfix reload: {r.stderr.decode()}")
        wait_for(lambda: self.log().count("reload -- version") > before)

    # --- the queue ---

    def queued(self):
        """Queue ids of the messages in the queue. Looked at twice: a delivery that sends a message on may do so, and end, between a look
        at maildrop, into which that goes, and one at active, where its own was."""
        return {n for q in QUEUES * 2 for n in self.in_queue(q)}

    def in_queue(self, name):
        return [n for _, _, names in os.walk(os.path.join(self.queue, name)) for n in names]

    def wait_empty(self, seconds=30):
        """Wait until every message has left. Returns whether."""
        return wait_for(lambda: not self.queued(), seconds)

    def wait_deferred(self, count=1, seconds=30):
        """Wait until all that is left are `count` deferred messages. Returns whether; at once where the queue is empty."""
        def settled():
            left = self.queued()
            return not left or len(left) == len(self.in_queue("deferred"))
        wait_for(settled, seconds)
        return len(self.in_queue("deferred")) == count

    def flush(self):
        """Try deferred mail now, as `postqueue -f` (which refuses a configuration outside /etc/postfix)."""
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(5)
        # The queue's path may be too long for a socket address.
        fd = os.open(os.path.join(self.queue, "public"), os.O_PATH)
        try:
            s.connect(f"/proc/self/fd/{fd}/qmgr")
            s.sendall(b"FAD")
        finally:
            s.close()
            os.close(fd)

    def postqueue(self, *args):
        """What postqueue(1) prints, by the copy of let_accounts_send()."""
        return must([os.path.join(self.top, "commands", "postqueue"), "-c", self.config, *args])

    def waiting(self):
        """The deferred mail, as `postqueue -j` tells it: recipient → why it waits."""
        entries = [json.loads(l) for l in self.postqueue("-j").splitlines()]
        return {r["address"]: r.get("delay_reason", "") for e in entries for r in e["recipients"]}

    # --- mail and log ---

    def send(self, recipients, message, sender="s@example.org", mail_options="", source=None):
        """smtp.send() to this instance."""
        return smtp.send(self.port, recipients, message, sender, mail_options, source)

    def rcpt(self, recipient, sender="s@example.org", source=None):
        """The answer to RCPT in a session of its own; nothing is sent."""
        d = smtp.Dialogue(self.port, source=source)
        d.command(b"MAIL FROM:<" + sender.encode() + b">")
        answer = d.command(b"RCPT TO:<" + (recipient if isinstance(recipient, bytes) else recipient.encode()) + b">")
        d.close()
        return answer

    def log(self):
        return read(self.log_file).decode(errors="replace")

    def log_lines(self, *words):
        return [l for l in self.log().splitlines() if all(w in l for w in words)]

    def wait_log(self, *words, seconds=20):
        wait_for(lambda: self.log_lines(*words), seconds)
        return self.log_lines(*words)

