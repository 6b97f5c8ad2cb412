// axi_read_mem_pkg: the contents of an axi_read_mem with Hash = 1, for checkers that need no memory.
package axi_read_mem_pkg;
  // The 32-bit word at byte address 4*w (w = the address divided by 4). All arithmetic modulo 2^32.
  // verif/lib/axi_read_mem.py is the same function for NumPy.
  function automatic logic [31:0] hash_word(input logic [63:0] w);
    logic [31:0] x;
    x = w[31:0] ^ {w[47:32], w[63:48]};
    x = x * 32'h9E37_79B1;
    x = x ^ (x >> 15);
    x = x * 32'h85EB_CA77;
    x = x ^ (x >> 13);
    return x;
  endfunction

  // One step of a xorshift generator: the random stalls here and in test benches; a zero state must not be used.
  function automatic logic [31:0] next_random(input logic [31:0] state);
    logic [31:0] x;
    x = state ^ (state << 13);
    x = x ^ (x >> 17);
    return x ^ (x << 5);
  endfunction
endpackage
