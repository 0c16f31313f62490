/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the program calls of the kernel: bpf-helpers(7), numbered by enum bpf_func_id of
 * linux/bpf.h. Declared here so that only the kernel's uapi headers are needed to compile. None of
 * them is for GPL programs only, and all of them are in Linux 5.10.
 */
#ifndef PINHOLE_GATE_HELPERS_H
#define PINHOLE_GATE_HELPERS_H

#include <linux/bpf.h>
#include <linux/types.h>

#define SECTION(name) __attribute__((section(name), used))
/* The headers' own is a mere suggestion; calls between functions need more of a loader. */
#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
/* Hides from the compiler where a value comes from, so that the checks that follow stay as written. */
#define opaque(value) __asm__ volatile("" : "+r"(value))

/* Constant arguments: a cast keeps these usable with `case`. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define net16(x) ((__u16)__builtin_bswap16(x))
#define net32(x) ((__u32)__builtin_bswap32(x))
/* Of a 32-bit word read from the packet: the bits of its first two bytes. */
#define FIRST_HALF 0x0000ffffu
#else
#define net16(x) ((__u16)(x))
#define net32(x) ((__u32)(x))
#define FIRST_HALF 0xffff0000u
#endif

static void *(*const bpf_map_lookup_elem)(void *map, const void *key) =
	(void *)BPF_FUNC_map_lookup_elem;
static long (*const bpf_tail_call)(void *context, void *programs, __u32 slot) =
	(void *)BPF_FUNC_tail_call;

static long (*const bpf_skb_pull_data)(struct __sk_buff *skb, __u32 length) =
	(void *)BPF_FUNC_skb_pull_data;
static long (*const bpf_skb_load_bytes)(const struct __sk_buff *skb, __u32 offset, void *to,
					__u32 length) = (void *)BPF_FUNC_skb_load_bytes;
static long (*const bpf_skb_store_bytes)(struct __sk_buff *skb, __u32 offset, const void *from,
					 __u32 length, __u64 flags) =
	(void *)BPF_FUNC_skb_store_bytes;
static long (*const bpf_skb_change_tail)(struct __sk_buff *skb, __u32 length, __u64 flags) =
	(void *)BPF_FUNC_skb_change_tail;
static long (*const bpf_skb_vlan_pop)(struct __sk_buff *skb) = (void *)BPF_FUNC_skb_vlan_pop;
static long (*const bpf_l4_csum_replace)(struct __sk_buff *skb, __u32 offset, __u64 from, __u64 to,
					 __u64 flags) = (void *)BPF_FUNC_l4_csum_replace;
static long (*const bpf_csum_update)(struct __sk_buff *skb, __u32 difference) =
	(void *)BPF_FUNC_csum_update;
static __u32 (*const bpf_get_socket_uid)(struct __sk_buff *skb) =
	(void *)BPF_FUNC_get_socket_uid;

static long (*const bpf_redirect)(__u32 ifindex, __u64 flags) = (void *)BPF_FUNC_redirect;
static long (*const bpf_redirect_neigh)(__u32 ifindex, struct bpf_redir_neigh *hop, int hop_length,
					__u64 flags) = (void *)BPF_FUNC_redirect_neigh;

static void *(*const bpf_ringbuf_reserve)(void *ring, __u64 size, __u64 flags) =
	(void *)BPF_FUNC_ringbuf_reserve;
static void (*const bpf_ringbuf_submit)(void *record, __u64 flags) =
	(void *)BPF_FUNC_ringbuf_submit;
static void (*const bpf_ringbuf_discard)(void *record, __u64 flags) =
	(void *)BPF_FUNC_ringbuf_discard;

#endif
