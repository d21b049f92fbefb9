/*
 * conf_kind.h: what may be the value of a setting of virtual.conf.
 */
#ifndef PV_CONF_KIND_H
#define PV_CONF_KIND_H

enum pv_conf_kind {
	PV_CONF_FOLDER, /* an absolute path */
	PV_CONF_FOLDER_OR_NONE,
	PV_CONF_INSTANCES,  /* absolute paths, each once */
	PV_CONF_BELOW_HOME, /* a relative path, or nothing */
	PV_CONF_MAP_TYPE,
	PV_CONF_DOMAIN, /* a domain, or nothing */
	PV_CONF_GROUP,	/* a group's name, or nothing */
	PV_CONF_HOST,	/* a host's name, or nothing */
	PV_CONF_DELIMITERS,
	PV_CONF_DAYS, /* a number */
	PV_CONF_SWITCH,
	PV_CONF_LANGUAGE,
	PV_CONF_LOGINS, /* which logins are logged */
	PV_CONF_TLS,
	PV_CONF_UNKNOWN,    /* refuse or postmaster */
	PV_CONF_NUMBER,	    /* of sessions, 1 or more */
	PV_CONF_SECONDS,    /* 0 or more */
	PV_CONF_UID,	    /* 0: none */
	PV_CONF_SHORT_TIME, /* seconds, as many as a delivery can give away */
	PV_CONF_IDLE,	    /* seconds, as many as RFC 1939 wants or more */
	PV_CONF_LISTEN,	    /* ADDRESS:PORT, a list, or nothing */
	PV_CONF_SERVERS,    /* ADDRESS=DOMAIN, a list, or nothing */
};

/* What to write instead of `value`, as a part of a sentence for a message; NULL if it may stand. The text is
 * constant. */
const char *pv_conf_fault(enum pv_conf_kind kind, const char *value);

#endif
