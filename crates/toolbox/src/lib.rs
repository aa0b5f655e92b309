//! What runs inside a guest: init, DHCP client, ping, nc, HTTP get and serve.
