// spill_register: cuts a valid/ready stream in both directions.
//
// Two registers: the payload register in front of the consumer and a spill register that takes the one
// word which is already on its way when the consumer stops. No path from m_ready_i to s_ready_o or from
// s_valid_i to m_valid_o is combinational.
//
// Latency:      1 cycle.
// Throughput:   one word a cycle.
// Back-pressure: s_ready_o falls one cycle after the consumer stops; nothing is lost.
//
// Parameters:
//   Width  payload bits, >= 1
module spill_register #(
    parameter int unsigned Width = 8
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic [Width-1:0] s_data_i,
    input  logic             s_valid_i,
    output logic             s_ready_o,
    output logic [Width-1:0] m_data_o,
    output logic             m_valid_o,
    input  logic             m_ready_i
);
  if (Width < 1) $error("%m: Width is %0d, allowed: >= 1", Width);

  logic [Width-1:0] out_q, spill_q;
  logic out_valid_q, spill_valid_q;

  assign s_ready_o = !spill_valid_q;
  assign m_data_o  = out_q;
  assign m_valid_o = out_valid_q;

  wire take = s_valid_i && s_ready_o;
  wire move = m_ready_i || !out_valid_q;  // the output register may be overwritten

  always_ff @(posedge clk_i) begin
    if (move) out_q <= spill_valid_q ? spill_q : s_data_i;
    if (take && !move) spill_q <= s_data_i;
    if (!rst_ni) begin
      out_valid_q   <= 1'b0;
      spill_valid_q <= 1'b0;
    end else if (move) begin
      out_valid_q   <= spill_valid_q || take;
      spill_valid_q <= 1'b0;
    end else if (take) begin
      spill_valid_q <= 1'b1;
    end
  end

  // The spill register is only ever filled behind a waiting word: order is kept.
  a_spill_behind_output :
  assert property (@(posedge clk_i) disable iff (!rst_ni) spill_valid_q |-> out_valid_q);
  a_stable :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      m_valid_o && !m_ready_i |=> m_valid_o && $stable(m_data_o));
endmodule
