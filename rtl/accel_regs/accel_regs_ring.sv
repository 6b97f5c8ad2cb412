// accel_regs_ring: a queue in block RAM that holds exactly Depth words (fifo_block alone takes a few more).
//
// Latency, throughput, back-pressure: those of fifo_block.
//
// Parameters:
//   Width  payload bits
//   Depth  words held, 4 to 32768
module accel_regs_ring #(
    parameter int unsigned Width = 32,
    parameter int unsigned Depth = 4096
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic             clear_i,
    input  logic [Width-1:0] s_data_i,
    input  logic             s_valid_i,
    output logic             s_ready_o,
    output logic [Width-1:0] m_data_o,
    output logic             m_valid_o,
    input  logic             m_ready_i,
    output logic [     15:0] level_o
);
  localparam int unsigned LevelW = $clog2(Depth + 3);

  logic [LevelW-1:0] level;
  logic fifo_room;

  assign level_o   = 16'(level);
  assign s_ready_o = level != LevelW'(Depth);

  fifo_block #(
      .Width(Width),
      .Depth(Depth)
  ) i_fifo (
      .clk_i,
      .rst_ni,
      .clear_i,
      .s_data_i,
      .s_valid_i(s_valid_i && s_ready_o),
      .s_ready_o(fifo_room),
      .m_data_o,
      .m_valid_o,
      .m_ready_i,
      .level_o  (level)
  );

  a_room :
  assert property (@(posedge clk_i) disable iff (!rst_ni) s_ready_o |-> fifo_room && level <= LevelW'(Depth));
endmodule
