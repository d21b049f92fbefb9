#include "maps/map.h"

#include "base/file.h"
#include "maps/lmdb_table.h"
#include "maps/report.h"
#include "maps/text.h"
#include "store/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

static const char *const names[PV_MAP_COUNT] = { "virtual", "virtual_domains" };
static const char *const whats[PV_MAP_COUNT] = { "Own addresses", "Own domains" };

const char *pv_map_name(enum pv_map m)
{
	return names[m];
}

void pv_map_format(const struct pv_store *s, enum pv_map m, const struct pv_keys *keys, struct pv_buf *out)
{
	char dir[PATH_MAX] = "", own[PATH_MAX + 8];

	(void)pv_conf_instance(&s->conf, 0, dir, sizeof dir);
	(void)snprintf(own, sizeof own, "%s/virtual", dir);
	pv_text_format(out, whats[m], own, keys);
}

static enum pv_class load_text(const struct pv_store *s, int dirfd, enum pv_map m, struct pv_old_maps *old,
			       struct pv_error *e)
{
	const struct pv_trust trust = { geteuid(), s->conf.map_directory };

	enum pv_class c = pv_file_load(dirfd, names[m], &trust, &old->text[m], &old->has_text[m], e);
	if (c == PV_OK)
		pv_buf_add(&old->parsed[m], old->text[m].s, old->text[m].len);
	return c == PV_OK ? pv_buf_check(&old->parsed[m], names[m], e) : c;
}

/* Without a text to be believed, the table that was built from the last good one is. */
static enum pv_table_state ask_table(const struct pv_store *s, enum pv_map m, struct pv_old_maps *old)
{
	char path[PATH_MAX];
	enum pv_table_state state = PV_TABLE_DAMAGED;

	pv_keys_free(&old->keys[m]);
	(void)snprintf(path, sizeof path, "%s/%s.lmdb", s->conf.map_directory, names[m]);
	if (pv_table_read(path, &old->arena, &old->keys[m], &state, NULL) != PV_OK)
		state = PV_TABLE_DAMAGED;
	if (state != PV_TABLE_GOOD)
		pv_keys_free(&old->keys[m]);
	return state;
}

static enum pv_class complain(const struct pv_error *why, enum pv_table_state state, struct pv_maps_report *r,
			      struct pv_error *e)
{
	struct pv_error said;

	if (state == PV_TABLE_GOOD)
		(void)pv_fail(&said, PV_TEMPORARY, "4.3.5", "%s; its table was believed instead", why->text);
	else
		(void)pv_fail(&said, PV_TEMPORARY, "4.3.5",
			      "%s; its table cannot be read either: domains that cannot be read lose their "
			      "addresses",
			      why->text);
	return pv_report_complain(r, NULL, &said, e);
}

static enum pv_class load_map(const struct pv_store *s, int dirfd, enum pv_map m, struct pv_old_maps *old,
			      struct pv_maps_report *r, struct pv_error *e)
{
	char path[PATH_MAX];
	struct pv_error why;

	enum pv_class c = load_text(s, dirfd, m, old, e);
	if (c != PV_OK)
		return c;
	(void)snprintf(path, sizeof path, "%s/%s", s->conf.map_directory, names[m]);
	if (!old->has_text[m])
		(void)pv_fail(&why, PV_TEMPORARY, "4.3.5", "%s is missing", path);
	else if (pv_text_parse(&old->parsed[m], path, &old->keys[m], &why) == PV_OK)
		return PV_OK;
	enum pv_table_state state = ask_table(s, m, old);
	old->doubtful |= state != PV_TABLE_GOOD;
	/* Neither: nothing was ever written here. A table alone is as good as both. */
	return !old->has_text[m] && state != PV_TABLE_DAMAGED ? PV_OK : complain(&why, state, r, e);
}

enum pv_class pv_old_maps_load(const struct pv_store *s, struct pv_old_maps *old, struct pv_maps_report *r,
			       struct pv_error *e)
{
	enum pv_class c = PV_OK;

	*old = (struct pv_old_maps){ .doubtful = true };
	for (enum pv_map m = 0; m < PV_MAP_COUNT; m++)
		old->text[m] = old->parsed[m] = (struct pv_buf)PV_BUF_INIT(PV_TEXT_MAX);
	int dirfd = open(s->conf.map_directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return errno == ENOENT ? PV_OK
				       : pv_fail_errno(e, PV_TEMPORARY, "4.3.5", errno, "open folder %s",
						       s->conf.map_directory);
	old->doubtful = false;
	for (enum pv_map m = 0; c == PV_OK && m < PV_MAP_COUNT; m++)
		c = load_map(s, dirfd, m, old, r, e);
	(void)close(dirfd);
	return c;
}

void pv_old_maps_free(struct pv_old_maps *old)
{
	for (enum pv_map m = 0; m < PV_MAP_COUNT; m++) {
		pv_buf_free(&old->text[m]);
		pv_buf_free(&old->parsed[m]);
		pv_keys_free(&old->keys[m]);
	}
	pv_arena_free(&old->arena);
}
