/* A complete configuration of Dovecot's for the files that make-postfix-maps writes: IMAP and SMTP AUTH. */
#include "admin.h"

#include "maps/dovecot.h"
#include "maps/postfix.h"
#include "store/conf.h"

#include <limits.h>

enum { SECONDS = 30 };

struct words {
	const struct pv_conf *conf;
	char queue[PATH_MAX]; /* Postfix's queue_directory */
	const char *locks;
	const char *domain; /* of who names none */
};

/* Where is smtpd's socket? Without Postfix: where Debian has it. */
static void find_queue(const struct pv_store *s, char queue[PATH_MAX])
{
	struct pv_buf out = PV_BUF_INIT(PATH_MAX);
	char dir[PATH_MAX];

	(void)snprintf(queue, PATH_MAX, "/var/spool/postfix");
	if (!pv_conf_instance(&s->conf, 0, dir, sizeof dir))
		return;
	const char *const argv[] = { PV_POSTCONF, "-c", dir, "-h", "queue_directory", NULL };
	if (pv_postfix_ask(argv, NULL, SECONDS, &out, NULL) == PV_OK && out.len > 1 && out.s[0] == '/')
		(void)snprintf(queue, PATH_MAX, "%.*s", (int)strcspn(out.s, "\n"), out.s);
	pv_buf_free(&out);
}

/* In Dovecot's settings `%` begins a variable. */
static void put_path(struct pv_buf *out, const char *path)
{
	for (; *path != '\0'; path++)
		pv_buf_adds(out, *path == '%' ? "%%" : (const char[]){ *path, '\0' });
}

static void put_head(struct pv_buf *out, const char *version)
{
	pv_buf_addf(
		out,
		"# dovecot.conf for Dovecot %s, as postfix-virtual dovecot-config %s prints it: IMAP and "
		"SMTP AUTH for\n"
		"# the users of all domains, who log in as user@domain or user%%domain. It is complete; "
		"where there are\n"
		"# other files in conf.d, leave out their auth-*.conf.ext, 10-auth.conf and 10-mail.conf.\n"
		"#\n"
		"# For SMTP AUTH add to Postfix's main.cf:\n"
		"#   smtpd_sasl_type = dovecot\n"
		"#   smtpd_sasl_path = private/auth\n"
		"#   smtpd_sasl_auth_enable = yes\n"
		"#   smtpd_tls_auth_only = yes\n"
		"# and see that permit_sasl_authenticated stands in smtpd_relay_restrictions.\n\n",
		version, version);
}

static void put_locks(struct pv_buf *out, const struct words *w)
{
	pv_buf_addf(out,
		    "\n# The locks that deliveries and POP3 take, in their order. Change them only for all "
		    "programs.\n"
		    "mbox_read_locks = fcntl\n"
		    "mbox_write_locks = %s\n",
		    w->locks);
}

/* Dovecot would give a session, which runs as an account and opens what that has made, its own group as well.
 */
static void put_services(struct pv_buf *out)
{
	pv_buf_adds(out, "\n# Sessions run as domains' accounts: they must not be in Dovecot's group, which "
			 "may read all hashes. If you\n"
			 "# add pop3, lmtp or other services that open mailboxes, add the same for them.\n"
			 "service imap {\n  extra_groups =\n}\n"
			 "service indexer-worker {\n  extra_groups =\n}\n"
			 "service stats {\n  unix_listener stats-writer {\n    mode = 0666\n  }\n}\n");
}

static void put_namespace(struct pv_buf *out)
{
	static const char *const folders[] = { "Drafts", "Junk", "Sent", "Trash" };

	pv_buf_adds(out, "\nnamespace inbox {\n  inbox = yes\n  separator = /\n");
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		pv_buf_addf(out, "  mailbox %s {\n    special_use = \\%s\n  }\n", folders[i], folders[i]);
	pv_buf_adds(out, "}\n");
}

static void put_socket(struct pv_buf *out, const struct words *w)
{
	pv_buf_adds(out, "\n# Where Postfix's smtpd asks.\nservice auth {\n  unix_listener ");
	put_path(out, w->queue);
	pv_buf_adds(out,
		    "/private/auth {\n    mode = 0660\n    user = postfix\n    group = postfix\n  }\n}\n");
}

/* Passwords never go over the network in clear text, but from this host itself. */
static void put_tls(struct pv_buf *out, const struct words *w, const char *cert, const char *key,
		    const char *from)
{
	if (*w->conf->pop3_certificate == '\0') {
		pv_buf_adds(out,
			    "# pop3_certificate in virtual.conf is empty: only this host itself can log in.\n"
			    "ssl = no\n");
		return;
	}
	pv_buf_addf(out, "ssl = required\n%s = %s", cert, from);
	put_path(out, w->conf->pop3_certificate);
	pv_buf_addf(out, "\n%s = %s", key, from);
	put_path(out, *w->conf->pop3_key != '\0' ? w->conf->pop3_key : w->conf->pop3_certificate);
	pv_buf_addc(out, '\n');
}

static void put_database(struct pv_buf *out, const struct words *w, const char *before, const char *behind)
{
	pv_buf_adds(out, before);
	put_path(out, w->conf->map_directory);
	pv_buf_addf(out, "/" PV_DOVECOT_FOLDER "/%s\n}\n", behind);
}

static void put_2_3(struct pv_buf *out, const struct words *w)
{
	put_head(out, "2.3");
	pv_buf_adds(out, "protocols = imap\n");
	put_tls(out, w, "ssl_cert", "ssl_key", "<");
	pv_buf_addf(out,
		    "\ndisable_plaintext_auth = yes\n"
		    "auth_mechanisms = plain login\n"
		    "auth_username_format = %%{if;%%Ld;eq;;%%Lu@%s;%%Lu}\n"
		    "auth_username_translation = \"%%@\"\n\n",
		    w->domain);
	put_database(out, w, "passdb {\n  driver = passwd-file\n  args = username_format=%n ", "%d");
	put_database(out, w, "userdb {\n  driver = passwd-file\n  args = username_format=%n ", "%d");
	pv_buf_adds(out, "\n# Each user's line says where his mailbox is. He is the domain's account, "
			 "whatever its number.\n"
			 "mail_location = mbox:~/mail:INBOX=");
	put_path(out, w->conf->spool_directory);
	pv_buf_adds(out, "/%d/%n\nmail_privileged_group =\nfirst_valid_uid = 1\n");
	put_locks(out, w);
	put_namespace(out);
	put_services(out);
	put_socket(out, w);
}

static void put_2_4(struct pv_buf *out, const struct words *w)
{
	/* It must come before all other settings. */
	pv_buf_adds(out, "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n\n");
	put_head(out, "2.4");
	pv_buf_adds(out, "protocols = imap\n");
	put_tls(out, w, "ssl_server_cert_file", "ssl_server_key_file", "");
	pv_buf_addf(out,
		    "\nauth_allow_cleartext = no\n"
		    "auth_mechanisms = plain login\n"
		    "auth_username_format = %%{user | username | lower}@%%{user | domain | lower | "
		    "default('%s')}\n"
		    "auth_username_translation = \"%%@\"\n\n",
		    w->domain);
	put_database(out, w,
		     "passdb passwd-file {\n  auth_username_format = %{user | username | lower}\n"
		     "  passwd_file_path = ",
		     "%{user | domain | lower}");
	put_database(out, w,
		     "userdb passwd-file {\n  auth_username_format = %{user | username | lower}\n"
		     "  passwd_file_path = ",
		     "%{user | domain | lower}");
	pv_buf_adds(out, "\n# What a user's line does not say otherwise. He is the domain's account, "
			 "whatever its number.\n"
			 "mail_driver = mbox\nmail_path = ~/mail\nmail_inbox_path = ");
	put_path(out, w->conf->spool_directory);
	pv_buf_adds(out,
		    "/%{user | domain}/%{user | username}\nmail_privileged_group =\nfirst_valid_uid = 1\n");
	put_locks(out, w);
	put_namespace(out);
	put_services(out);
	put_socket(out, w);
}

enum pv_class dovecot_config_run(struct admin *a, struct pv_error *e)
{
	const char *version = a->object_count > 0 ? a->objects[0] : "2.3";
	const struct pv_conf *conf = &a->store.conf;
	struct words w = {
		.conf = conf,
		/* No other domain has this name, so there is no file for it: who names none is refused. */
		.domain = *conf->default_domain != '\0' ? conf->default_domain : "nowhere.invalid",
		.locks = conf->fcntl_only ? "fcntl dotlock_try" : "fcntl dotlock",
	};

	if (strcmp(version, "2.3") != 0 && strcmp(version, "2.4") != 0)
		return usage_error(a, e, "Dovecot %.20s: known are 2.3 and 2.4", version);
	if (*conf->dovecot_group == '\0')
		return pv_fail(e, PV_PERMANENT, NULL,
			       "dovecot_group in virtual.conf is empty, so no files are written for Dovecot: "
			       "name its group there");
	find_queue(&a->store, w.queue);
	if (strcmp(version, "2.3") == 0)
		put_2_3(&a->text, &w);
	else
		put_2_4(&a->text, &w);
	return PV_OK;
}
