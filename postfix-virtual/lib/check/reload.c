/* Do Postfix's daemons know the expressions as they are now? A pcre table is read when a daemon starts. */
#include "check/checkup.h"

#include "maps/postfix.h"
#include "maps/regexp.h"
#include "maps/reload.h"
#include "store/conf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define VALUE_MAX ((size_t)65536)

/* When, by the clock of files, did process `pid` start? Returns false where it is gone. */
static bool started(int proc, const char *pid, time_t boot, char name[32], time_t *when_r)
{
	char path[64], text[1024];
	unsigned long long ticks = 0;

	(void)snprintf(path, sizeof path, "%.20s/stat", pid);
	int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
	if (fd >= 0)
		(void)close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	const char *open = strchr(text, '('), *p = strrchr(text, ')');
	if (open == NULL || p == NULL || p < open)
		return false;
	(void)snprintf(name, 32, "%.*s", (int)(p - open - 1), open + 1);
	/* Field 22; what stands behind the name is field 3. */
	for (int field = 2; field < 22 && p != NULL; field++)
		p = strchr(p + 1, ' ');
	if (p == NULL)
		return false;
	ticks = strtoull(p + 1, NULL, 10);
	*when_r = boot + (time_t)(ticks / (unsigned long long)sysconf(_SC_CLK_TCK));
	return true;
}

static time_t boot_time(void)
{
	struct timespec now, up;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)clock_gettime(CLOCK_BOOTTIME, &up);
	return now.tv_sec - up.tv_sec;
}

/* Is it one of those that rewrite or check recipients? */
static bool reads_tables(const char *name)
{
	return strcmp(name, "smtpd") == 0 || strcmp(name, "cleanup") == 0 ||
	       strcmp(name, "trivial-rewrite") == 0;
}

/* The name of a daemon of the instance with this queue that started before `changed`; "": none. */
static void find_old(const char *queue, time_t changed, char old[32])
{
	time_t boot = boot_time(), when;
	char path[64], cwd[PATH_MAX], name[32];
	struct dirent *entry;

	old[0] = '\0';
	DIR *proc = opendir("/proc");
	while (proc != NULL && old[0] == '\0' && (entry = readdir(proc)) != NULL) {
		if (strspn(entry->d_name, "0123456789") != strlen(entry->d_name))
			continue;
		(void)snprintf(path, sizeof path, "%.20s/cwd", entry->d_name);
		ssize_t n = readlinkat(dirfd(proc), path, cwd, sizeof cwd - 1);
		if (n < 0)
			continue;
		cwd[n] = '\0';
		/* The boot's time is known to a second. */
		if (strcmp(cwd, queue) == 0 && started(dirfd(proc), entry->d_name, boot, name, &when) &&
		    reads_tables(name) && when + 2 < changed)
			(void)snprintf(old, 32, "%s", name);
	}
	if (proc != NULL)
		(void)closedir(proc);
}

static enum pv_class find_due(struct pv_checkup *u, const char *dir, char old[32], struct pv_error *e)
{
	struct pv_buf queue = PV_BUF_INIT(VALUE_MAX);
	char path[PATH_MAX];
	struct stat st;

	old[0] = '\0';
	(void)snprintf(path, sizeof path, "%s/" PV_REGEXP_NAME, u->store->conf.map_directory);
	if (lstat(path, &st) != 0)
		return PV_OK;
	enum pv_class c = pv_setting_value(dir, "queue_directory", &queue, e);
	if (c == PV_OK)
		find_old(queue.s, st.st_mtime, old);
	pv_buf_free(&queue);
	return c;
}

enum pv_class pv_check_reload(struct pv_checkup *u, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	char dir[PATH_MAX], old[32];

	for (size_t i = 0; c == PV_OK && pv_conf_instance(&u->store->conf, i, dir, sizeof dir); i++) {
		c = find_due(u, dir, old, e);
		if (c == PV_OK && old[0] != '\0')
			pv_found(u, PV_WARNING, dir,
				 "its daemon %s is older than %s/" PV_REGEXP_NAME
				 ", so mail for sub-domains and patterns goes by the old text: postfix -c %s "
				 "reload",
				 old, u->store->conf.map_directory, dir);
	}
	return c;
}

enum pv_class pv_repair_reload(struct pv_checkup *u, struct pv_error *e)
{
	enum pv_class c = PV_OK;
	char dir[PATH_MAX], old[32];
	bool runs = true;

	for (size_t i = 0; c == PV_OK && pv_conf_instance(&u->store->conf, i, dir, sizeof dir); i++) {
		c = find_due(u, dir, old, e);
		if (c == PV_OK && old[0] != '\0' && !u->dry)
			c = pv_reload_instance(dir, &runs, e);
		if (c == PV_OK && old[0] != '\0')
			pv_repaired(u, "postfix -c %s reload", dir);
	}
	return c;
}
