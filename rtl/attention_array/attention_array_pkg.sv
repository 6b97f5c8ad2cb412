// attention_array_pkg: what the units of attention_array share.
package attention_array_pkg;
  // How a token's lines go around: kv heads in turn, one to an engine, `lines` of each.
  typedef struct packed {
    logic [7:0] lines;  // of a turn
    logic [7:0] turns;  // kv heads
  } round_t;
endpackage
