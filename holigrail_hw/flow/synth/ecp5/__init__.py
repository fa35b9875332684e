"""What synthesis for ECP5 needs beside Yosys."""
