#include "environment.h"

static void add(struct pv_buf *b, const char *name, const char *value, size_t len)
{
	pv_buf_adds(b, name);
	pv_buf_addc(b, '=');
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)value[i];
		pv_buf_addc(b, c < ' ' || c == 0x7f ? '?' : (char)c);
	}
	pv_buf_addc(b, '\0');
}

static void add_string(struct pv_buf *b, const char *name, const char *value)
{
	add(b, name, value != NULL ? value : "", value != NULL ? strlen(value) : 0);
}

/* HOST2 is HOST up to its last dot, HOST3 that up to its last dot, and so on; one without a dot stays. */
static void add_hosts(struct pv_buf *b, const char *host)
{
	static const char *const names[] = { "HOST", "HOST2", "HOST3", "HOST4" };
	size_t len = strlen(host);

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		add(b, names[i], host, len);
		const char *dot = len > 0 ? memrchr(host, '.', len) : NULL;
		if (dot != NULL)
			len = (size_t)(dot - host);
	}
}

enum pv_class environment_make(struct environment *env, const struct environment_words *w, struct pv_error *e)
{
	const char *at = w->recipient != NULL ? strrchr(w->recipient, '@') : NULL;
	const char *config = getenv("MAIL_CONFIG");
	struct pv_buf *b = &env->text;

	*b = (struct pv_buf)PV_BUF_INIT(256 * 1024);
	add_string(b, "PATH", "/usr/bin:/bin");
	add_string(b, "HOME", w->home);
	add_string(b, "USER", w->user);
	add_string(b, "RECIPIENT", w->recipient);
	add(b, "LOCAL", w->local, w->local_len);
	add_hosts(b, at != NULL ? at + 1 : "");
	add(b, "EXT", w->tag, w->tag_len);
	add(b, "EXTENSION", w->tag, w->tag_len);
	add_string(b, "DOMAIN", w->domain);
	add(b, "SENDER", w->sender, w->sender_len);
	add(b, "ORIGINAL_RECIPIENT", w->original, w->original_len);
	/* Which of several instances of Postfix's a sendmail that it starts in turn is for. */
	if (config != NULL && config[0] == '/')
		add_string(b, "MAIL_CONFIG", config);
	size_t count = 0;
	for (const char *p = b->s; !b->failed && p < b->s + b->len && count < ENVIRONMENT_NAMES;
	     p += strlen(p) + 1)
		env->list[count++] = p;
	env->list[count] = NULL;
	return pv_buf_check(b, "the environment of a program", e);
}

void environment_free(struct environment *env)
{
	pv_buf_free(&env->text);
}
