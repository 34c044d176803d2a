"""To open sockets: channel layers, publishing from any thread, streams of running answers, who is connected."""
