/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PEER_ADDRESS_H
#define PEER_ADDRESS_H

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

/* Fills in an IPv4 or IPv6 address. Returns its size; one that is neither has the family AF_UNSPEC. */
static socklen_t address_make(const char *ip, unsigned port, struct sockaddr_storage *address)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
	struct sockaddr_in *v4 = (struct sockaddr_in *)address;

	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, ip, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		return sizeof(*v4);
	}
	v6->sin6_family = inet_pton(AF_INET6, ip, &v6->sin6_addr) == 1 ? AF_INET6 : AF_UNSPEC;
	v6->sin6_port = htons((uint16_t)port);
	return sizeof(*v6);
}

#endif
