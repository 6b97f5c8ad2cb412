// linear_covq_repeat: a queue that gives each of its words as often as the word asks for.
//
// Latency:      1 cycle.
// Throughput:   one word a cycle out.
// Back-pressure: s_ready_o depends only on registers.
//
// Parameters:
//   Width  payload bits
//   Depth  words queued
module linear_covq_repeat #(
    parameter int unsigned Width = 8,
    parameter int unsigned Depth = 4
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic             clear_i,
    input  logic [Width-1:0] s_data_i,
    input  logic [     15:0] s_times_i,   // >= 1
    input  logic             s_valid_i,
    output logic             s_ready_o,
    output logic [Width-1:0] m_data_o,
    output logic             m_valid_o,
    input  logic             m_ready_i
);
  logic [15:0] times, count_q;
  logic [$clog2(Depth+1)-1:0] unused_level;
  wire last = count_q + 16'd1 == times;

  fifo #(
      .Width(Width + 16),
      .Depth(Depth)
  ) i_queue (
      .clk_i,
      .rst_ni,
      .clear_i,
      .s_data_i ({s_times_i, s_data_i}),
      .s_valid_i,
      .s_ready_o,
      .m_data_o ({times, m_data_o}),
      .m_valid_o,
      .m_ready_i(m_ready_i && last),
      .level_o  (unused_level)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) count_q <= '0;
    else if (m_valid_o && m_ready_i) count_q <= last ? '0 : count_q + 16'd1;
  end

  a_times :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) s_valid_i && s_ready_o |-> s_times_i != '0);
endmodule
