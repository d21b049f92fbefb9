/*
 * senders.h: `virtual_senders`: by which service of master.cf(5), and to which next host, the mail of a domain
 * leaves, for sender_dependent_default_transport_maps; made from `domains` alone.
 *
 *     @kvt.dk  smtp-kvt:[192.0.2.1]
 */
#ifndef PV_MAPS_SENDERS_H
#define PV_MAPS_SENDERS_H

#define PV_SENDERS_NAME "virtual_senders"

#endif
