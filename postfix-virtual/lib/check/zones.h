/*
 * zones.h: the zones that a name server's configuration names: named.conf(5), named.boot, or a name a line.
 */
#ifndef PV_CHECK_ZONES_H
#define PV_CHECK_ZONES_H

/* A zone of type master or primary, and the line on which it stands. The name is as it stands there. */
typedef void pv_zone_each(void *ctx, const char *name, unsigned line);

/* Go through all zones of the text (NUL-terminated, and changed on the way). */
void pv_zones_each(char *text, pv_zone_each *each, void *ctx);

#endif
