//! The clsact ingress of a device: which eBPF program stands there.

use std::os::fd::{AsRawFd, BorrowedFd};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::tc::{
    TcAttribute, TcBpfFlags, TcFilterBpf, TcFilterBpfOption, TcHandle, TcMessage, TcOption,
};

use crate::{Netlink, NetlinkError};

/// The one filter that is ever installed: first priority, first handle, any protocol.
const HANDLE: u32 = 1;
const PRIORITY: u32 = 1;
const CLSACT: &str = "clsact";

/// A program found at a device's ingress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngressProgram {
    /// The name that it was installed with.
    pub name: String,
    /// The kernel's id of the program.
    pub id: u32,
}

impl Netlink {
    /// Makes `program` the one that sees every frame that comes in by the device, in place of an earlier one. The device
    /// keeps it, and it the maps, when the daemon ends.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_ingress_program(
        &self,
        index: u32,
        name: &str,
        program: BorrowedFd<'_>,
    ) -> Result<(), NetlinkError> {
        let mut qdisc = TcMessage::with_index(device(index));
        qdisc.header.handle = TcHandle { major: u16::MAX, minor: 0 };
        qdisc.header.parent = TcHandle::CLSACT;
        qdisc.attributes.push(TcAttribute::Kind(CLSACT.to_owned()));
        let action = || format!("add clsact to device {index}");
        match self.request(action, RouteNetlinkMessage::NewQueueDiscipline(qdisc), NLM_F_CREATE | NLM_F_EXCL)
        {
            Err(error) if error.errno() == Some(libc::EEXIST) => {}
            result => drop(result?),
        }

        let mut filter = ingress_filter(index);
        filter.header.handle = HANDLE.into();
        filter.header.info = PRIORITY << 16 | u32::from((libc::ETH_P_ALL as u16).to_be());
        filter.attributes.push(TcAttribute::Kind(TcFilterBpf::KIND.to_owned()));
        filter.attributes.push(TcAttribute::Options(vec![
            TcOption::Bpf(TcFilterBpfOption::ProgFd(program.as_raw_fd() as u32)),
            TcOption::Bpf(TcFilterBpfOption::ProgName(name.to_owned())),
            TcOption::Bpf(TcFilterBpfOption::Flags(TcBpfFlags::DirectAction)),
        ]));
        let action = || format!("attach program {name} to device {index}");
        self.request(action, RouteNetlinkMessage::NewTrafficFilter(filter), NLM_F_CREATE)?;
        Ok(())
    }

    /// The program at the device's ingress, if there is one.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn ingress_program(&self, index: u32) -> Result<Option<IngressProgram>, NetlinkError> {
        let message = RouteNetlinkMessage::GetTrafficFilter(ingress_filter(index));
        let action = || format!("list programs of device {index}");
        let answers = match self.request(action, message, NLM_F_DUMP) {
            // No clsact, no program.
            Err(error) if matches!(error.errno(), Some(libc::EINVAL | libc::ENOENT)) => return Ok(None),
            result => result?,
        };
        Ok(answers.into_iter().find_map(program_of))
    }

    /// Takes clsact and the program away from a device. Their absence is no error.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn clear_ingress_program(&self, index: u32) -> Result<(), NetlinkError> {
        let mut qdisc = TcMessage::with_index(device(index));
        qdisc.header.handle = TcHandle { major: u16::MAX, minor: 0 };
        qdisc.header.parent = TcHandle::CLSACT;
        let action = || format!("remove clsact from device {index}");
        match self.request(action, RouteNetlinkMessage::DelQueueDiscipline(qdisc), 0) {
            Err(error) if matches!(error.errno(), Some(libc::EINVAL | libc::ENOENT)) => Ok(()),
            result => result.map(|_| ()),
        }
    }
}

fn device(index: u32) -> i32 {
    i32::try_from(index).expect("the kernel's device indexes are positive ints")
}

fn ingress_filter(index: u32) -> TcMessage {
    let mut message = TcMessage::with_index(device(index));
    message.header.parent = TcHandle { major: u16::MAX, minor: TcHandle::MIN_INGRESS };
    message
}

fn program_of(answer: RouteNetlinkMessage) -> Option<IngressProgram> {
    let RouteNetlinkMessage::NewTrafficFilter(message) = answer else { return None };
    let options = message.attributes.into_iter().find_map(|attribute| match attribute {
        TcAttribute::Options(options) => Some(options),
        _ => None,
    })?;
    let (mut name, mut id) = (None, None);
    for option in options {
        match option {
            TcOption::Bpf(TcFilterBpfOption::ProgName(found)) => name = Some(found),
            TcOption::Bpf(TcFilterBpfOption::ProgId(found)) => id = Some(found),
            _ => {}
        }
    }
    Some(IngressProgram { name: name?, id: id? })
}
