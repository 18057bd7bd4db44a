//! What differs between systems: whose a folder is, sockets as files, a socket as a command's input and
//! output, and the socket of a service manager.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::{
    connected_pair, control, hand_over, installed_manager, is_socket, let_through, private_file,
    send_datagram, take_back,
};
#[cfg(windows)]
pub(crate) use windows::{
    connected_pair, control, hand_over, installed_manager, is_socket, let_through, private_file,
    send_datagram, take_back,
};
