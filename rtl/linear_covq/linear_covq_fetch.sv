// linear_covq_fetch: turns commands into descriptors of the codebook and index ports.
//
// A command with search = 1 gives one codebook descriptor (positions * C * 2 bytes, tag = c_code); every command gives `passes`
// descriptors of its packet. Both sides run ahead by their own queues: neither waits for activations or for the other.
//
// Latency:    2 cycles.
// Throughput: one descriptor a cycle on each side.
//
// Parameters: Depth  commands that each side may be ahead
module linear_covq_fetch
  import linear_covq_pkg::*;
#(
    parameter int unsigned Depth = 4
) (
    input  logic     clk_i,
    input  logic     rst_ni,
    input  logic     clear_i,
    input  command_t s_cmd_i,
    input  logic     s_cmd_valid_i,   // taken by both sides in this cycle
    output logic     s_cmd_ready_o,
    output logic [63:0] m_cb_addr_o,
    output logic [31:0] m_cb_bytes_o,
    output logic [ 7:0] m_cb_tag_o,
    output logic        m_cb_valid_o,
    input  logic        m_cb_ready_i,
    output logic [63:0] m_idx_addr_o,
    output logic [31:0] m_idx_bytes_o,
    output logic        m_idx_valid_o,
    input  logic        m_idx_ready_i
);
  localparam int unsigned LevelW = $clog2(Depth + 1);

  logic cb_ready, idx_ready;
  logic [LevelW-1:0] unused_level;

  // C centroids of two bytes: 32 << c_code bytes a position
  wire [31:0] cb_bytes = 32'(s_cmd_i.positions) << (3'd5 + 3'(s_cmd_i.c_code));

  assign s_cmd_ready_o = cb_ready && idx_ready;

  fifo #(
      .Width(64 + 32 + 2),
      .Depth(Depth)
  ) i_cb (
      .clk_i,
      .rst_ni,
      .clear_i,
      .s_data_i ({s_cmd_i.c_code, cb_bytes, s_cmd_i.cb_addr}),
      .s_valid_i(s_cmd_valid_i && s_cmd_i.search),
      .s_ready_o(cb_ready),
      .m_data_o ({m_cb_tag_o[1:0], m_cb_bytes_o, m_cb_addr_o}),
      .m_valid_o(m_cb_valid_o),
      .m_ready_i(m_cb_ready_i),
      .level_o  (unused_level)
  );
  assign m_cb_tag_o[7:2] = '0;

  linear_covq_repeat #(
      .Width(64 + 32),
      .Depth(Depth)
  ) i_idx (
      .clk_i,
      .rst_ni,
      .clear_i,
      .s_data_i ({s_cmd_i.packet_bytes, s_cmd_i.packet_addr}),
      .s_times_i(s_cmd_i.passes),
      .s_valid_i(s_cmd_valid_i),
      .s_ready_o(idx_ready),
      .m_data_o ({m_idx_bytes_o, m_idx_addr_o}),
      .m_valid_o(m_idx_valid_o),
      .m_ready_i(m_idx_ready_i)
  );
endmodule
