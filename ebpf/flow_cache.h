/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * Layouts shared with user space. Their twin is crates/vpc-abi/src/lib.rs, where every field is explained; the
 * assertions below are the same there.
 */
#ifndef BRUME_FLOW_CACHE_H
#define BRUME_FLOW_CACHE_H

#include "kernel.h"

#define PORT_IFINDEX_BASE 64
#define PORT_LIMIT (1 << 17)
#define DOMAIN_LIMIT (1 << 12)
#define EPOCH_SLOTS (PORT_LIMIT + DOMAIN_LIMIT)
#define FLOW_ENTRIES_LIMIT (1 << 18)
#define ADMISSION_LIMIT (1 << 16)
#define TRANSLATION_LIMIT (1 << 18)
#define TAKEN_BY_PROGRAM 1
#define TAKEN_BY_SLOW_PATH 2
#define EVENT_RING_BYTES (1 << 19)
#define EVENT_WAKEUP_BYTES (1 << 15)

#define FAMILY_IPV4 4
#define FAMILY_IPV6 6

#define ACTION_ADDRESSES (1 << 0)
#define ACTION_PORTS (1 << 1)
#define ACTION_MACS (1 << 2)
#define ACTION_PEER (1 << 3)

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

struct flow_key {
	__u32 port;
	__u32 source[4];
	__u32 destination[4];
	__u16 source_port;
	__u16 destination_port;
	__u8 protocol;
	__u8 family;
	__u16 padding;
};

struct flow_entry {
	__u64 packets;
	__u64 bytes;
	__u64 last_seen_ns;
	__u32 actions;
	__u32 tcp_flags;
	__u32 ingress_epoch;
	__u32 egress_epoch;
	__u32 egress_port;
	__u32 mtu_bytes;
	__u32 source[4];
	__u32 destination[4];
	__u16 source_port;
	__u16 destination_port;
	__u32 address_difference;
	__u32 port_difference;
	__u32 match_macs[3];
	__u32 macs[3];
	__u32 domain_slot;
	__u32 domain_epoch;
	__u16 segment_payload_max;
	__u16 padding;
};

struct admission {
	struct flow_entry forward;
	struct flow_entry reverse;
	struct flow_key translation;
	__u16 first_source_port;
	__u16 last_source_port;
};

struct tcp_event {
	struct flow_key key;
	__u32 tcp_flags;
	__u32 length_bytes;
	__u32 macs[3];
};

#define ASSERT_OFFSET(type, field, offset) _Static_assert(__builtin_offsetof(type, field) == (offset), #type "." #field)
_Static_assert(sizeof(struct flow_key) == 44, "flow_key");
ASSERT_OFFSET(struct flow_key, destination, 20);
ASSERT_OFFSET(struct flow_key, source_port, 36);
ASSERT_OFFSET(struct flow_key, protocol, 40);
_Static_assert(sizeof(struct flow_entry) == 128, "flow_entry");
ASSERT_OFFSET(struct flow_entry, actions, 24);
ASSERT_OFFSET(struct flow_entry, source, 48);
ASSERT_OFFSET(struct flow_entry, address_difference, 84);
ASSERT_OFFSET(struct flow_entry, match_macs, 92);
ASSERT_OFFSET(struct flow_entry, macs, 104);
ASSERT_OFFSET(struct flow_entry, domain_slot, 116);
ASSERT_OFFSET(struct flow_entry, segment_payload_max, 124);
_Static_assert(sizeof(struct admission) == 304, "admission");
ASSERT_OFFSET(struct admission, reverse, 128);
ASSERT_OFFSET(struct admission, translation, 256);
ASSERT_OFFSET(struct admission, first_source_port, 300);
_Static_assert(sizeof(struct tcp_event) == 64, "tcp_event");
ASSERT_OFFSET(struct tcp_event, macs, 52);

#endif
