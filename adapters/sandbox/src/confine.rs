//! Which system calls foreign code may make.

use crate::entry::{FILTERS, Program};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use std::{collections::BTreeMap, io};

/// Calls that no function needs and that have been ways out of sandboxes. They answer EPERM, as they would to
/// any process without rights, so that code which merely probes goes on.
const DENIED: &[libc::c_long] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kcmp,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_lookup_dcookie,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_name_to_handle_at,
    libc::SYS_nfsservctl,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pivot_root,
    libc::SYS_process_madvise,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
];

/// Socket families with kernel code behind them that functions have no use for.
const DENIED_FAMILIES: &[i32] =
    &[libc::AF_PACKET, libc::AF_VSOCK, libc::AF_ALG, libc::AF_BLUETOOTH, libc::AF_TIPC, libc::AF_CAN, libc::AF_RDS];

const NEW_NAMESPACES: u64 = (libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP) as u64;

/// The filters, in the order in which they are installed.
pub struct Filters([BpfProgram; FILTERS]);

impl Filters {
    pub fn build() -> io::Result<Self> {
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> = DENIED.iter().map(|call| (*call, Vec::new())).collect();
        let masked = |mask: u64| {
            SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(mask), mask)
                .and_then(|condition| SeccompRule::new(vec![condition]))
        };
        let each_bit = (0..64).map(|bit| 1u64 << bit).filter(|bit| NEW_NAMESPACES & bit != 0);
        let clone = each_bit.map(masked).collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?;
        rules.insert(libc::SYS_clone, clone);
        let family = |family: &i32| {
            SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, *family as u64)
                .and_then(|condition| SeccompRule::new(vec![condition]))
        };
        let families = DENIED_FAMILIES.iter().map(family).collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?;
        rules.insert(libc::SYS_socket, families);
        // The flags of clone3 lie in memory, where a filter cannot look: libraries fall back to clone when it is absent.
        let absent = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
        Ok(Self([compile(rules, libc::EPERM)?, compile(absent, libc::ENOSYS)?, no_second_interface()]))
    }

    /// The programs as the kernel takes them, for a template that installs them itself.
    pub fn programs(&self) -> [Vec<u8>; FILTERS] {
        self.0.each_ref().map(|program| {
            program
                .iter()
                .flat_map(|step| {
                    let mut bytes = [0u8; 8];
                    bytes[..2].copy_from_slice(&step.code.to_ne_bytes());
                    bytes[2] = step.jt;
                    bytes[3] = step.jf;
                    bytes[4..].copy_from_slice(&step.k.to_ne_bytes());
                    bytes
                })
                .collect()
        })
    }

    /// The programs for a process of ours that is about to enter a sandbox; they point into `self`.
    pub fn as_entry(&self) -> [Program; FILTERS] {
        self.0.each_ref().map(|program| Program { length: program.len() as u16, steps: program.as_ptr().cast() })
    }
}

/// On x86-64 a kernel may offer every call a second time, under numbers with this bit, which the other filters do
/// not know.
const SECOND_INTERFACE: u32 = 0x4000_0000;

fn no_second_interface() -> BpfProgram {
    let step = |code: u32, jt, jf, k| seccompiler::sock_filter { code: code as u16, jt, jf, k };
    // The number of the call is the first word of what a filter looks at.
    vec![
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0, 1, SECOND_INTERFACE),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ]
}

fn compile(rules: BTreeMap<i64, Vec<SeccompRule>>, errno: i32) -> io::Result<BpfProgram> {
    let target = std::env::consts::ARCH.try_into().map_err(io::Error::other)?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(errno as u32), target)
        .map_err(io::Error::other)?;
    filter.try_into().map_err(io::Error::other)
}
