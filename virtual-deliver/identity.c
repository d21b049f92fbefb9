#include "identity.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/host.h"
#include "base/table.h"
#include "store/conf.h"

#include <fcntl.h>
#include <unistd.h>

static struct slice word_at(const char *p, const char *stop)
{
	const char *end = p;

	while (end < stop && strchr(" \t\r\n;", *end) == NULL)
		end++;
	return (struct slice){ .s = p, .len = (size_t)(end - p) };
}

/* Behind `what`, where it stands in s at a place where Postfix writes it. */
static const char *behind(const char *s, const char *stop, const char *what)
{
	const char *p = memmem(s, (size_t)(stop - s), what, strlen(what));

	return p != NULL ? p + strlen(what) : NULL;
}

/* Postfix writes `Received: from ...\n\tby HOST (Postfix...) with ... id ID` or `Received: by HOST (Postfix,
 * from userid 0)\n\tid ID`. The client's own words stand before the second line. */
static bool parse_received(const struct pv_buf *received, struct slice *host, struct slice *id)
{
	const char *stop = received->s + received->len;
	const char *p = strncasecmp(received->s, "Received: by ", 13) == 0
				? received->s + 13
				: behind(received->s, stop, "\n\tby ");

	if (p == NULL)
		return false;
	*host = word_at(p, stop);
	p += host->len;
	if (stop - p < 10 || memcmp(p, " (Postfix", 9) != 0)
		return false;
	const char *at = behind(p, stop, " id ");
	if (at == NULL)
		at = behind(p, stop, "\n\tid ");
	if (at == NULL)
		return false;
	*id = word_at(at, stop);
	for (size_t i = 0; i < id->len; i++)
		if (strchr("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", id->s[i]) ==
		    NULL)
			return false;
	return id->len >= 5 && id->len <= QUEUE_ID_MAX && host->len > 0;
}

static bool same_name(struct slice a, const char *b, size_t len)
{
	return len > 0 && a.len == len && strncasecmp(a.s, b, len) == 0;
}

/* The kernel's name, or that name with a domain behind it, as Postfix makes myhostname by default. */
static bool is_node_name(struct slice host)
{
	const char *node = pv_host_name();
	size_t n = strlen(node);

	return same_name(host, node, n) ||
	       (host.len > n && host.s[n] == '.' && strncasecmp(host.s, node, n) == 0);
}

/* What main.cf says, where it says it literally. Asked last: it is another file to read. */
static bool is_in_main_cf(const struct pv_conf *conf, struct slice host)
{
	const char *dir = getenv("MAIL_CONFIG");
	struct pv_buf text = PV_BUF_INIT(1024 * 1024);
	char path[1024], main_instance[1000] = "";
	bool is = false;

	/* Postfix says by this which of its instances it is. */
	if (dir == NULL || dir[0] != '/') {
		(void)pv_conf_instance(conf, 0, main_instance, sizeof main_instance);
		dir = main_instance;
	}
	int n = snprintf(path, sizeof path, "%s/main.cf", dir);
	int fd = n > 0 && (size_t)n < sizeof path ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
	if (fd < 0)
		return false;
	if (pv_file_read(fd, path, &text, NULL) == PV_OK) {
		struct pv_lines it;
		struct pv_line l;
		char *name, *value;
		pv_lines_start(&it, path, &text, true);
		while (pv_lines_next(&it, &l, NULL) == PV_OK && l.text != NULL)
			if (pv_line_setting(&it, &l, &name, &value, NULL) == PV_OK &&
			    strcmp(name, "myhostname") == 0)
				is = same_name(host, value, strlen(value)); /* the last one counts */
	}
	(void)close(fd);
	pv_buf_free(&text);
	return is;
}

/* The host part of the Delivered-To that local(8) wrote: without a virtual map it is its own name. */
static bool is_delivered_host(struct slice host, const struct hop *h)
{
	const char *at = h->recipient.len > 0 ? memrchr(h->recipient.s, '@', h->recipient.len) : NULL;

	return at != NULL && same_name(host, at + 1, h->recipient.len - (size_t)(at + 1 - h->recipient.s));
}

void identity_queue_id(const struct pv_conf *conf, const struct hop *h, const struct pv_buf *received,
		       char queue_id[QUEUE_ID_MAX + 1], bool *this_host_r)
{
	struct slice host, id;

	queue_id[0] = '\0';
	*this_host_r = false;
	if (!parse_received(received, &host, &id))
		return;
	memcpy(queue_id, id.s, id.len);
	queue_id[id.len] = '\0';
	*this_host_r = same_name(host, conf->myhostname, strlen(conf->myhostname)) || is_node_name(host) ||
		       is_delivered_host(host, h) || is_in_main_cf(conf, host);
}

static void add_part(struct pv_sha256 *h, const char *s, size_t len)
{
	uint64_t n = len;

	pv_sha256_add(h, &n, sizeof n);
	if (len > 0)
		pv_sha256_add(h, s, len);
}

void identity_make(const char *mailbox, const struct hop *h, const struct header *m,
		   unsigned char id[PV_ID_BYTES])
{
	struct pv_sha256 sum;
	uint64_t size = m->size;

	pv_sha256_start(&sum);
	add_part(&sum, mailbox, strlen(mailbox));
	add_part(&sum, h->return_path.s, h->return_path.len);
	add_part(&sum, h->original_to.s, h->original_to.len);
	add_part(&sum, h->delivered_to.s, h->delivered_to.len);
	add_part(&sum, m->received.s, m->received.len);
	add_part(&sum, m->message_id.s, m->message_id.len);
	pv_sha256_add(&sum, &size, sizeof size);
	pv_sha256_finish(&sum, id);
}
