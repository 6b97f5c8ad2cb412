// linear_covq_pkg: the command as it travels inside linear_covq, and the sources of an error.
package linear_covq_pkg;
  // One group of one linear. Fields are explained at linear_covq's ports.
  typedef struct packed {
    logic        table_mode;
    logic        search;
    logic [1:0]  k_code;
    logic [1:0]  c_code;
    logic [15:0] positions;
    logic [15:0] tokens;
    logic [15:0] passes;
    logic [7:0]  slots;
    logic [63:0] cb_addr;
    logic [63:0] packet_addr;
    logic [31:0] packet_bytes;
    logic [63:0] row_addr;
    logic [15:0] row_stride;
    logic [15:0] row_offset;
  } command_t;

  // Where the cause in error_cause_o comes from.
  typedef enum logic [2:0] {
    FromNone     = 3'd0,
    FromCodebook = 3'd1,  // hbm_streamer_pkg::cause_e of the codebook port
    FromIndex    = 3'd2,  // of the index port
    FromRow      = 3'd3,  // of the row port
    FromGather   = 3'd4,  // row_gather_pkg::cause_e
    FromTable    = 3'd5,  // row_table_pkg::cause_e
    FromCommand  = 3'd6   // a command that does not fit the parameters
  } error_source_e;
endpackage
