#include "rehash.h"

#include "base/log.h"
#include "change/change.h"
#include "session.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child, which is root still. */
static enum pv_class store_anew(struct pv_error *e)
{
	char hash[PV_PASSWORD_HASH_SIZE];
	struct pv_change change;

	enum pv_class c = pv_password_hash(vp.password, hash, e);
	explicit_bzero(vp.password, sizeof vp.password);
	if (c != PV_OK)
		return c;
	pv_change_start(&change, &vp.store, "virtual-pop3d", vp.client_text);
	c = pv_user_password(&change, &vp.name.address, hash, e);
	pv_change_free(&change);
	return c;
}

void vp_rehash(void)
{
	struct pv_error e;

	if (vp.password[0] == '\0' || !vp.login.weak || !vp.store.conf.rehash_passwords) {
		explicit_bzero(vp.password, sizeof vp.password);
		return;
	}
	/* Twice, so that the one who does it is nobody's child and nobody waits for it. */
	pid_t child = fork();
	if (child == 0) {
		if (fork() != 0)
			_exit(0);
		for (int fd = 0; fd < 64; fd++)
			if (fd != vp.store.dirfd)
				(void)close(fd);
		pv_log_forget();
		if (store_anew(&e) != PV_OK)
			vp_session_log("store a password anew", &e);
		_exit(0);
	}
	explicit_bzero(vp.password, sizeof vp.password);
	if (child > 0)
		while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
			;
}
