// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * The flow cache: what one interface's frames have to undergo once the slow path has decided about their flow.
 *
 * Runs at the clsact ingress of every port's host end. It parses, looks up (port, 5-tuple), checks that the decision is
 * still current, rewrites, counts and redirects. It knows no policy and takes no decision of its own: whatever it is not
 * sure of it lets pass, and then the kernel delivers the frame to the packet sockets of the slow path, which is the only
 * listener in the fabric namespace. So are fragments, IP options and extension headers, ICMP other than echo, and
 * everything that is not TCP, UDP or ICMP.
 *
 * A SYN is never a cached packet. It may be like one that the slow path has let in before, but for its source port;
 * then there is an admission, a decision that holds for a range of source ports, and the connection gets its two
 * entries from there. Where a NAT gateway is on the way, the source port must be free there, too: what it has in use is in a
 * map of its own. The slow path is told by an event in a ring, and takes the decision again for its own books.
 *
 * FIN and RST are forwarded and reported: the flags are kept in the entry and an event goes into the same ring, from
 * which the slow path learns that the connection ends.
 *
 * The kernel wants to read "GPL" in the licence string before it lets a program call some helpers, hence the dual
 * licence of this directory; the project as a whole is Apache-2.0.
 */
#include "flow_cache.h"

#define ETH_HEADER 14
#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define IP_FRAGMENT 0x3fff /* more-fragments bit and offset */
#define IPPROTO_ICMP 1
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_ICMPV6 58
#define TCP_OPTION_SEGMENT_SIZE 2
#define TCP_OPTION_SEGMENT_SIZE_BYTES 4
#define ICMP_ECHO_REPLY 0
#define ICMP_ECHO 8
#define ICMPV6_ECHO 128
#define ICMPV6_ECHO_REPLY 129

struct ethernet {
	__u32 macs[3];
	__u16 protocol;
} __attribute__((packed));

struct ipv4 {
	__u8 version_length;
	__u8 tos;
	__u16 total_length;
	__u16 id;
	__u16 fragment;
	__u8 ttl;
	__u8 protocol;
	__u16 checksum;
	__u32 source;
	__u32 destination;
};

struct ipv6 {
	__u32 version_class_label;
	__u16 payload_length;
	__u8 next_header;
	__u8 hop_limit;
	__u32 source[4];
	__u32 destination[4];
};

struct tcp {
	__u16 source;
	__u16 destination;
	__u32 sequence;
	__u32 acknowledgement;
	__u8 offset;
	__u8 flags;
	__u16 window;
	__u16 checksum;
	__u16 urgent;
};

struct udp {
	__u16 source;
	__u16 destination;
	__u16 length;
	__u16 checksum;
};

struct icmp_echo {
	__u8 type;
	__u8 code;
	__u16 checksum;
	__u16 id;
	__u16 sequence;
};

/* What parsing found besides the key. */
struct parsed {
	__u32 l4;	   /* offset of the transport header in the frame */
	__u32 payload;	   /* offset of what follows it */
	__u32 checksum;	   /* offset of the transport checksum in the transport header */
	__u32 tcp_flags;
};

struct {
	MAP_UINT(type, BPF_MAP_TYPE_HASH);
	MAP_UINT(map_flags, BPF_F_NO_PREALLOC);
	MAP_UINT(max_entries, FLOW_ENTRIES_LIMIT);
	MAP_TYPE(key, struct flow_key);
	MAP_TYPE(value, struct flow_entry);
} flows SECTION(".maps");

struct {
	MAP_UINT(type, BPF_MAP_TYPE_ARRAY);
	MAP_UINT(max_entries, EPOCH_SLOTS);
	MAP_TYPE(key, __u32);
	MAP_TYPE(value, __u32);
} epochs SECTION(".maps");

struct {
	MAP_UINT(type, BPF_MAP_TYPE_RINGBUF);
	MAP_UINT(max_entries, EVENT_RING_BYTES);
} events SECTION(".maps");

/* By the key of the SYN with source port 0. */
struct {
	MAP_UINT(type, BPF_MAP_TYPE_HASH);
	MAP_UINT(map_flags, BPF_F_NO_PREALLOC);
	MAP_UINT(max_entries, ADMISSION_LIMIT);
	MAP_TYPE(key, struct flow_key);
	MAP_TYPE(value, struct admission);
} admissions SECTION(".maps");

/* What NAT gateways have in use, as the far side sees it: the port of the gateway's interface, its address and port, and with
 * whom. */
struct {
	MAP_UINT(type, BPF_MAP_TYPE_HASH);
	MAP_UINT(map_flags, BPF_F_NO_PREALLOC);
	MAP_UINT(max_entries, TRANSLATION_LIMIT);
	MAP_TYPE(key, struct flow_key);
	MAP_TYPE(value, __u8);
} translations SECTION(".maps");

static ALWAYS_INLINE int parse_l4(void *l4, void *end, struct flow_key *key, struct parsed *parsed)
{
	if (key->protocol == IPPROTO_TCP) {
		struct tcp *tcp = l4;
		if ((void *)(tcp + 1) > end)
			return 0;
		key->source_port = tcp->source;
		key->destination_port = tcp->destination;
		parsed->tcp_flags = tcp->flags;
		parsed->payload = parsed->l4 + (tcp->offset >> 4) * 4;
		parsed->checksum = __builtin_offsetof(struct tcp, checksum);
		return 1;
	}
	if (key->protocol == IPPROTO_UDP) {
		struct udp *udp = l4;
		if ((void *)(udp + 1) > end)
			return 0;
		key->source_port = udp->source;
		key->destination_port = udp->destination;
		parsed->payload = parsed->l4 + sizeof(*udp);
		parsed->checksum = __builtin_offsetof(struct udp, checksum);
		return 1;
	}
	if ((key->protocol == IPPROTO_ICMP && key->family == FAMILY_IPV4) ||
	    (key->protocol == IPPROTO_ICMPV6 && key->family == FAMILY_IPV6)) {
		struct icmp_echo *echo = l4;
		if ((void *)(echo + 1) > end || echo->code != 0)
			return 0;
		if (key->family == FAMILY_IPV4 ? echo->type != ICMP_ECHO && echo->type != ICMP_ECHO_REPLY
					       : echo->type != ICMPV6_ECHO && echo->type != ICMPV6_ECHO_REPLY)
			return 0;
		key->source_port = echo->id;
		key->destination_port = bswap16((__u16)(echo->type << 8 | echo->code));
		parsed->payload = parsed->l4 + sizeof(*echo);
		parsed->checksum = __builtin_offsetof(struct icmp_echo, checksum);
		return 1;
	}
	return 0;
}

/* Fills the key and what else is needed; 0 for a frame that the cache does not handle. */
static ALWAYS_INLINE int parse(struct __sk_buff *skb, struct flow_key *key, struct parsed *parsed)
{
	void *data = (void *)(unsigned long)skb->data;
	void *end = (void *)(unsigned long)skb->data_end;
	struct ethernet *ethernet = data;

	if ((void *)(ethernet + 1) > end)
		return 0;
	if (ethernet->protocol == bswap16(ETH_P_IP)) {
		struct ipv4 *ip = data + ETH_HEADER;
		if ((void *)(ip + 1) > end || ip->version_length != 0x45 || ip->fragment & bswap16(IP_FRAGMENT))
			return 0;
		key->family = FAMILY_IPV4;
		key->protocol = ip->protocol;
		key->source[0] = ip->source;
		key->destination[0] = ip->destination;
		parsed->l4 = ETH_HEADER + sizeof(*ip);
		return parse_l4(ip + 1, end, key, parsed);
	}
	if (ethernet->protocol == bswap16(ETH_P_IPV6)) {
		struct ipv6 *ip = data + ETH_HEADER;
		if ((void *)(ip + 1) > end)
			return 0;
		key->family = FAMILY_IPV6;
		key->protocol = ip->next_header;
		__builtin_memcpy(key->source, ip->source, sizeof(key->source));
		__builtin_memcpy(key->destination, ip->destination, sizeof(key->destination));
		parsed->l4 = ETH_HEADER + sizeof(*ip);
		return parse_l4(ip + 1, end, key, parsed);
	}
	return 0;
}

/* Whether the decision still holds: the epochs of both ports and of its domain, the link addresses and the size are what it
 * was made for. */
static ALWAYS_INLINE int is_current(struct __sk_buff *skb, const struct flow_key *key, const struct flow_entry *entry,
				    const struct parsed *parsed)
{
	void *data = (void *)(unsigned long)skb->data;
	void *end = (void *)(unsigned long)skb->data_end;
	struct ethernet *ethernet = data;
	__u32 egress = entry->egress_port;
	__u32 size = skb->gso_size ? parsed->payload + skb->gso_size : skb->len;
	__u32 *epoch = bpf_map_lookup_elem(&epochs, &key->port);

	if (!epoch || *epoch != entry->ingress_epoch)
		return 0;
	epoch = bpf_map_lookup_elem(&epochs, &egress);
	if (!epoch || *epoch != entry->egress_epoch)
		return 0;
	if (entry->domain_slot) {
		__u32 slot = entry->domain_slot;
		epoch = bpf_map_lookup_elem(&epochs, &slot);
		if (!epoch || *epoch != entry->domain_epoch)
			return 0;
	}
	if ((void *)(ethernet + 1) > end || ethernet->macs[0] != entry->match_macs[0] ||
	    ethernet->macs[1] != entry->match_macs[1] || ethernet->macs[2] != entry->match_macs[2])
		return 0;
	return size <= entry->mtu_bytes + ETH_HEADER;
}

/* The size that a SYN announces; 0 where its option is not the first one, so that the slow path has to look for it. */
static ALWAYS_INLINE __u16 announced_segment(struct __sk_buff *skb, const struct parsed *parsed)
{
	__u8 option[TCP_OPTION_SEGMENT_SIZE_BYTES];
	__u32 at = parsed->l4 + sizeof(struct tcp);

	if (parsed->payload < at + sizeof(option) || bpf_skb_load_bytes(skb, at, option, sizeof(option)))
		return 0;
	if (option[0] != TCP_OPTION_SEGMENT_SIZE || option[1] != TCP_OPTION_SEGMENT_SIZE_BYTES)
		return 0;
	return (__u16)(option[2] << 8 | option[3]);
}

/* Announces no larger segments than the way carries. */
static ALWAYS_INLINE void limit_segment(struct __sk_buff *skb, const struct flow_entry *entry, const struct parsed *parsed)
{
	__u32 at = parsed->l4 + sizeof(struct tcp) + 2;
	__u16 maximum = bswap16(entry->segment_payload_max);
	__u16 announced = announced_segment(skb, parsed);

	if (announced <= entry->segment_payload_max)
		return;
	bpf_l4_csum_replace(skb, parsed->l4 + parsed->checksum, bswap16(announced), maximum, sizeof(maximum));
	bpf_skb_store_bytes(skb, at, &maximum, sizeof(maximum), 0);
}

static ALWAYS_INLINE void rewrite(struct __sk_buff *skb, const struct flow_key *key, struct flow_entry *entry,
				  const struct parsed *parsed)
{
	__u32 checksum = parsed->l4 + parsed->checksum;
	__u64 zero = key->protocol == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;

	if (entry->actions & ACTION_ADDRESSES) {
		/* ICMP over IPv4 is the one transport whose checksum does not cover the addresses. */
		if (key->protocol != IPPROTO_ICMP)
			bpf_l4_csum_replace(skb, checksum, 0, entry->address_difference, BPF_F_PSEUDO_HDR | zero);
		if (key->family == FAMILY_IPV4) {
			bpf_l3_csum_replace(skb, ETH_HEADER + __builtin_offsetof(struct ipv4, checksum), 0,
					    entry->address_difference, 0);
			bpf_skb_store_bytes(skb, ETH_HEADER + __builtin_offsetof(struct ipv4, source), entry->source, 4, 0);
			bpf_skb_store_bytes(skb, ETH_HEADER + __builtin_offsetof(struct ipv4, destination),
					    entry->destination, 4, 0);
		} else {
			bpf_skb_store_bytes(skb, ETH_HEADER + __builtin_offsetof(struct ipv6, source), entry->source, 32, 0);
		}
	}
	if (entry->actions & ACTION_PORTS) {
		bpf_l4_csum_replace(skb, checksum, 0, entry->port_difference, zero);
		if (key->protocol == IPPROTO_TCP || key->protocol == IPPROTO_UDP)
			bpf_skb_store_bytes(skb, parsed->l4, &entry->source_port, 4, 0);
		else
			bpf_skb_store_bytes(skb, parsed->l4 + __builtin_offsetof(struct icmp_echo, id), &entry->source_port,
					    2, 0);
	}
	if (entry->actions & ACTION_MACS)
		bpf_skb_store_bytes(skb, 0, entry->macs, sizeof(entry->macs), 0);
}

static ALWAYS_INLINE void count(struct __sk_buff *skb, struct flow_entry *entry, const struct parsed *parsed)
{
	__u32 packets = 1;
	__u32 bytes = skb->len - ETH_HEADER;

	if (skb->gso_size) {
		__u32 headers = parsed->payload - ETH_HEADER;
		packets = skb->gso_segs ? skb->gso_segs : (skb->len - parsed->payload + skb->gso_size - 1) / skb->gso_size;
		bytes += (packets - 1) * headers;
	}
	__sync_fetch_and_add(&entry->packets, packets);
	__sync_fetch_and_add(&entry->bytes, bytes);
	entry->last_seen_ns = bpf_ktime_get_coarse_ns();
}

/* Ends an event. Whoever listens is woken once a batch is there; a single event is heard at the next look. */
static ALWAYS_INLINE void submit(struct tcp_event *event)
{
	bpf_ringbuf_submit(event, bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) >= EVENT_WAKEUP_BYTES ? BPF_RB_FORCE_WAKEUP
												      : BPF_RB_NO_WAKEUP);
}

/* Keeps the flags and tells the slow path, once per direction and flag, that the connection ends. */
static ALWAYS_INLINE void closing(const struct flow_key *key, struct flow_entry *entry, __u32 flags)
{
	struct tcp_event *event;

	flags &= TCP_FIN | TCP_RST;
	if ((entry->tcp_flags & flags) == flags)
		return;
	entry->tcp_flags |= flags;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	/* A full ring loses the event, not the flags: the sweep finds them. */
	if (!event)
		return;
	__builtin_memset(event, 0, sizeof(*event));
	event->key = *key;
	event->tcp_flags = entry->tcp_flags;
	submit(event);
}

/*
 * Lets a new connection in by an admission: makes its two entries and reports it. Answers what to do with the SYN, or 0
 * where the slow path has to decide: on a known 5-tuple too, since a SYN may open a new connection on an old one's.
 */
static ALWAYS_INLINE struct flow_entry *admit(struct __sk_buff *skb, struct flow_key *key, const struct parsed *parsed)
{
	struct flow_key reverse = {}, translation;
	struct admission *admission;
	struct tcp_event *event;
	__u16 source_port = key->source_port;
	__u8 in_use = TAKEN_BY_PROGRAM, *taken;

	if (bpf_map_lookup_elem(&flows, key))
		return 0;
	key->source_port = 0;
	admission = bpf_map_lookup_elem(&admissions, key);
	key->source_port = source_port;
	if (!admission || !is_current(skb, key, &admission->forward, parsed))
		return 0;
	if (bswap16(source_port) < admission->first_source_port || bswap16(source_port) > admission->last_source_port)
		return 0;
	if (admission->forward.segment_payload_max && !announced_segment(skb, parsed))
		return 0;
	/* Without its event a connection would not be known, so that comes first. */
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return 0;
	event->key = *key;
	event->tcp_flags = parsed->tcp_flags;
	event->length_bytes = skb->len - ETH_HEADER;
	__builtin_memcpy(event->macs, admission->forward.match_macs, sizeof(event->macs));

	/* The other side answers what it gets. */
	reverse.port = admission->forward.egress_port;
	__builtin_memcpy(reverse.source, admission->forward.destination, sizeof(reverse.source));
	__builtin_memcpy(reverse.destination, admission->forward.source, sizeof(reverse.destination));
	reverse.source_port = key->destination_port;
	reverse.destination_port = source_port;
	reverse.protocol = key->protocol;
	reverse.family = key->family;
	/* The time is only there to tell a new entry from one that nobody knows; a race over it is over now or just now. */
	admission->forward.last_seen_ns = admission->reverse.last_seen_ns = bpf_ktime_get_coarse_ns();
	translation = admission->translation;
	translation.source_port = source_port;
	if (translation.family && bpf_map_update_elem(&translations, &translation, &in_use, BPF_NOEXIST))
		goto refused;
	if (bpf_map_update_elem(&flows, key, &admission->forward, BPF_NOEXIST))
		goto give_back;
	if (bpf_map_update_elem(&flows, &reverse, &admission->reverse, BPF_NOEXIST)) {
		bpf_map_delete_elem(&flows, key);
		goto give_back;
	}
	submit(event);
	return &admission->forward;
give_back:
	/* Meanwhile the slow path may have given it to another connection. */
	taken = translation.family ? bpf_map_lookup_elem(&translations, &translation) : 0;
	if (taken && *taken == TAKEN_BY_PROGRAM)
		bpf_map_delete_elem(&translations, &translation);
refused:
	bpf_ringbuf_discard(event, BPF_RB_NO_WAKEUP);
	return 0;
}

SECTION("classifier") int flow_cache(struct __sk_buff *skb)
{
	struct flow_key key = {};
	struct parsed parsed = {};
	struct flow_entry *entry;
	__u32 actions, egress;

	/* The virtual network has no VLANs; user space would not see the tag. */
	if (skb->vlan_present)
		return TC_ACT_SHOT;
	key.port = skb->ifindex - PORT_IFINDEX_BASE;
	if (!parse(skb, &key, &parsed))
		return TC_ACT_OK;
	if ((parsed.tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) {
		if (parsed.tcp_flags & (TCP_FIN | TCP_RST))
			return TC_ACT_OK;
		/* Like any SYN it counts for the connection, not for the entry. */
		entry = admit(skb, &key, &parsed);
		if (!entry)
			return TC_ACT_OK;
	} else {
		entry = bpf_map_lookup_elem(&flows, &key);
		if (!entry || !is_current(skb, &key, entry, &parsed))
			return TC_ACT_OK;
		if (parsed.tcp_flags & TCP_SYN && entry->segment_payload_max && !announced_segment(skb, &parsed))
			return TC_ACT_OK;
		if (parsed.tcp_flags & (TCP_FIN | TCP_RST))
			closing(&key, entry, parsed.tcp_flags);
		count(skb, entry, &parsed);
	}
	actions = entry->actions;
	egress = entry->egress_port + PORT_IFINDEX_BASE;
	if (parsed.tcp_flags & TCP_SYN && entry->segment_payload_max)
		limit_segment(skb, entry, &parsed);
	if (actions & (ACTION_ADDRESSES | ACTION_PORTS | ACTION_MACS))
		rewrite(skb, &key, entry, &parsed);
	if (actions & ACTION_PEER) {
		/* It came in as somebody else's frame, since no frame is addressed to a host end. Only newer kernels take
		 * that mark away on the way to the peer, which would ignore it. */
		if (skb->pkt_type != PACKET_HOST)
			bpf_skb_change_type(skb, PACKET_HOST);
		return bpf_redirect_peer(egress, 0);
	}
	return bpf_redirect(egress, 0);
}

char licence[] SECTION("license") = "Dual MIT/GPL";
