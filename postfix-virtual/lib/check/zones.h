/*
 * zones.h: the zones that a name server's configuration names: named.conf(5), named.boot, or a name a line.
 */
#ifndef PV_CHECK_ZONES_H
#define PV_CHECK_ZONES_H

/* A zone of type master or primary, and the line on which it stands. The name is as it stands there. */
typedef void pv_zone_each(void *ctx, const char *name, unsigned line);

/* A file that the text includes, as it is named there. */
typedef void pv_zone_include(void *ctx, const char *path);

/* Go through all zones of the text (NUL-terminated, and changed on the way), and what it includes. */
void pv_zones_each(char *text, pv_zone_each *each, pv_zone_include *include, void *ctx);

#endif
