"""What synthesis for iCE40 needs beside Yosys."""
