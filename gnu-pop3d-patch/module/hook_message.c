/*
 * hook_message.c: messages, their marks, and how they are sent. A message, its header, body, stream and marks
 * are all one pointer to us, &vp.flags[i].
 */
#include "hooks.h"
#include "session.h"
#include "texts.h"
#include "wire.h"

static bool index_of(const void *p, size_t *i_r)
{
	uintptr_t at = (uintptr_t)p, first = (uintptr_t)vp.flags;

	if (vp.flags == NULL || at < first || at >= first + vp.count * sizeof *vp.flags)
		return false;
	*i_r = (size_t)(at - first) / sizeof *vp.flags;
	return true;
}

/* --- sizes and ids --- */

/* GNU prints the sum of size and lines, one octet more for each LF. */
VP_EXPORT int mu_message_size(mu_message_t m, size_t *size)
{
	struct pv_maildrop_message info;
	size_t i;

	if (!index_of(m, &i))
		return vp_real.mu_message_size(m, size);
	pv_maildrop_message(vp.drop, i, &info);
	*size = info.octets - info.lines;
	return 0;
}

VP_EXPORT int mu_message_lines(mu_message_t m, size_t *lines)
{
	struct pv_maildrop_message info;
	size_t i;

	if (!index_of(m, &i))
		return vp_real.mu_message_lines(m, lines);
	pv_maildrop_message(vp.drop, i, &info);
	*lines = info.lines;
	return 0;
}

VP_EXPORT int mu_message_get_uidl(mu_message_t m, char *buf, size_t size, size_t *len_r)
{
	char uidl[PV_UIDL_SIZE] = "";
	struct pv_error e;
	size_t i;

	if (!index_of(m, &i))
		return vp_real.mu_message_get_uidl(m, buf, size, len_r);
	/* GNU does not ask whether it worked. What is said then is no id, and the session ends. */
	if (pv_maildrop_uidl(vp.drop, i, uidl, &e) != PV_OK) {
		if (!vp.ending)
			vp_session_log("read unique-ids", &e);
		vp.ending = true;
	}
	(void)snprintf(buf, size, "%s", uidl);
	if (len_r != NULL)
		*len_r = strlen(buf);
	return 0;
}

/* --- marks --- */

VP_EXPORT int mu_message_get_attribute(mu_message_t m, mu_attribute_t *attribute)
{
	size_t i;

	if (!index_of(m, &i))
		return vp_real.mu_message_get_attribute(m, attribute);
	*attribute = (mu_attribute_t)(void *)m;
	return 0;
}

VP_EXPORT int mu_attribute_is_userflag(mu_attribute_t a, int flag)
{
	size_t i;

	return index_of(a, &i) ? (vp.flags[i] & flag) != 0 : vp_real.mu_attribute_is_userflag(a, flag);
}

/* DELE. GNU tells of it again at QUIT, but what is to be removed is what the message says now. */
VP_EXPORT int mu_attribute_set_userflag(mu_attribute_t a, int flag)
{
	size_t i;

	if (!index_of(a, &i))
		return vp_real.mu_attribute_set_userflag(a, flag);
	vp.flags[i] = (uint16_t)(vp.flags[i] | flag);
	if ((flag & VP_FLAG_DELETED) != 0)
		pv_maildrop_set_deleted(vp.drop, i, true);
	return 0;
}

VP_EXPORT int mu_attribute_unset_userflag(mu_attribute_t a, int flag)
{
	size_t i;

	if (!index_of(a, &i))
		return vp_real.mu_attribute_unset_userflag(a, flag);
	vp.flags[i] = (uint16_t)(vp.flags[i] & ~flag);
	if ((flag & VP_FLAG_DELETED) != 0)
		pv_maildrop_set_deleted(vp.drop, i, false);
	return 0;
}

VP_EXPORT int mu_attribute_is_deleted(mu_attribute_t a)
{
	struct pv_maildrop_message info;
	size_t i;

	if (!index_of(a, &i))
		return vp_real.mu_attribute_is_deleted(a);
	pv_maildrop_message(vp.drop, i, &info);
	return info.deleted;
}

static int set_deleted(mu_attribute_t a, bool deleted, int (*real)(mu_attribute_t))
{
	size_t i;

	if (!index_of(a, &i))
		return real(a);
	pv_maildrop_set_deleted(vp.drop, i, deleted);
	return 0;
}

VP_EXPORT int mu_attribute_set_deleted(mu_attribute_t a)
{
	return set_deleted(a, true, vp_real.mu_attribute_set_deleted);
}

VP_EXPORT int mu_attribute_unset_deleted(mu_attribute_t a)
{
	return set_deleted(a, false, vp_real.mu_attribute_unset_deleted);
}

VP_EXPORT int mu_attribute_is_read(mu_attribute_t a)
{
	struct pv_maildrop_message info;
	size_t i;

	if (!index_of(a, &i))
		return vp_real.mu_attribute_is_read(a);
	pv_maildrop_message(vp.drop, i, &info);
	return info.read;
}

VP_EXPORT int mu_attribute_set_read(mu_attribute_t a)
{
	size_t i;

	if (!index_of(a, &i))
		return vp_real.mu_attribute_set_read(a);
	pv_maildrop_set_read(vp.drop, i);
	return 0;
}

/* --- RETR and TOP: asked for before +OK is said --- */

/* Is it still there? Then *stream is the message. */
static int get_stream(const void *p, size_t i, mu_stream_t *stream)
{
	struct pv_error e;

	if (pv_maildrop_check(vp.drop, i, &e) != PV_OK) {
		vp_session_log("read a message", &e);
		vp_session_say(VP_TEXT_CHANGED);
		return MU_ERR_FAILURE;
	}
	*stream = (mu_stream_t)(uintptr_t)p;
	return 0;
}

VP_EXPORT int mu_message_get_streamref(mu_message_t m, mu_stream_t *stream)
{
	size_t i;

	return index_of(m, &i) ? get_stream(m, i, stream) : vp_real.mu_message_get_streamref(m, stream);
}

VP_EXPORT int mu_message_get_header(mu_message_t m, mu_header_t *header)
{
	size_t i;

	if (!index_of(m, &i))
		return vp_real.mu_message_get_header(m, header);
	*header = (mu_header_t)(void *)m;
	return 0;
}

VP_EXPORT int mu_message_get_body(mu_message_t m, mu_body_t *body)
{
	size_t i;

	if (!index_of(m, &i))
		return vp_real.mu_message_get_body(m, body);
	*body = (mu_body_t)(void *)m;
	return 0;
}

VP_EXPORT int mu_header_get_streamref(mu_header_t h, mu_stream_t *stream)
{
	size_t i;

	return index_of(h, &i) ? get_stream(h, i, stream) : vp_real.mu_header_get_streamref(h, stream);
}

VP_EXPORT int mu_body_get_streamref(mu_body_t b, mu_stream_t *stream)
{
	size_t i;

	return index_of(b, &i) ? get_stream(b, i, stream) : vp_real.mu_body_get_streamref(b, stream);
}

/* --- sending: into GNU's filter that makes the final dot, whose place we take --- */

static const char dot_filter; /* its address is the filter */
static bool is_broken;	      /* a message was sent in part: no dot may follow */

bool vp_is_dot_filter(mu_stream_t s)
{
	return (uintptr_t)s == (uintptr_t)&dot_filter;
}

int vp_dot_filter(mu_stream_t *filter)
{
	is_broken = false;
	*filter = (mu_stream_t)(uintptr_t)&dot_filter;
	return 0;
}

static enum pv_class to_wire(void *ctx, const char *data, size_t len, struct pv_error *e)
{
	(void)ctx;
	if (vp_wire_write(data, len))
		return PV_OK;
	return pv_fail(e, PV_TEMPORARY, NULL, "the client went away");
}

/* For TOP GNU copies the header, then as many lines of the body as were asked for: all of it is sent here, by
 * the number that the gate has read. */
VP_EXPORT int mu_stream_copy(mu_stream_t to, mu_stream_t from, mu_off_t size, mu_off_t *copied)
{
	struct pv_error e;
	size_t i;

	if (!vp_is_dot_filter(to) || !index_of(from, &i))
		return vp_real.mu_stream_copy(to, from, size, copied);
	if (pv_maildrop_send(vp.drop, i, vp.top_lines, to_wire, NULL, &e) != PV_OK) {
		vp_session_log("send a message", &e);
		is_broken = vp.ending = true;
		return MU_ERR_FAILURE;
	}
	return 0;
}

VP_EXPORT int mu_stream_timed_getdelim(mu_stream_t s, char **buf, size_t *size, int delim,
				       struct timeval *limit, size_t *len_r)
{
	size_t i;

	if (!index_of(s, &i))
		return vp_real.mu_stream_timed_getdelim(s, buf, size, delim, limit, len_r);
	*len_r = 0;
	return 0;
}

VP_EXPORT int mu_stream_write(mu_stream_t s, const void *data, size_t size, size_t *written)
{
	return vp_is_dot_filter(s) ? 0 : vp_real.mu_stream_write(s, data, size, written);
}

int vp_dot_filter_close(void)
{
	return is_broken || vp_wire_write(".\r\n", 3) ? 0 : MU_ERR_FAILURE;
}

void vp_message_stream_destroy(mu_stream_t *s)
{
	size_t i;

	if (vp_is_dot_filter(*s) || index_of(*s, &i))
		*s = NULL;
	else
		vp_real.mu_stream_destroy(s);
}

VP_EXPORT void mu_stream_unref(mu_stream_t s)
{
	size_t i;

	if (!index_of(s, &i))
		vp_real.mu_stream_unref(s);
}
