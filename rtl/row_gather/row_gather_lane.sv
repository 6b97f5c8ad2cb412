// row_gather_lane: the beats of one lane that wait for the serialiser.
//
// Up to 3 beats are a chain of registers: no multiplexer, so wide beats cost flip-flops only. Deeper ones are a LUTRAM queue.
//
// Latency:       Depth cycles as registers, 1 as a queue.
// Throughput:    one beat every 2 cycles as registers (a beat lasts a lane BeatW / EntryW cycles), one a cycle as a queue.
// Back-pressure: s_ready_o depends only on registers.
//
// Parameters:
//   Width  bits of a beat
//   Depth  beats held, >= 2
module row_gather_lane #(
    parameter int unsigned Width = 256,
    parameter int unsigned Depth = 2
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic             clear_i,
    input  logic [Width-1:0] s_data_i,
    input  logic             s_valid_i,
    output logic             s_ready_o,
    output logic [Width-1:0] m_data_o,
    output logic             m_valid_o,
    input  logic             m_ready_i
);
  if (Depth <= 3) begin : g_registers
    logic [Width-1:0] data_q[Depth];
    logic [Depth-1:0] valid_q, move;  // move[i]: register i may be overwritten

    always_comb begin
      move[Depth-1] = !valid_q[Depth-1] || m_ready_i;
      for (int unsigned i = Depth - 1; i > 0; i--) move[i-1] = !valid_q[i-1] || move[i];
    end

    // The first register is refilled only when it is empty: so the serialiser's ready never reaches s_ready_o.
    assign s_ready_o = !valid_q[0];
    assign m_data_o  = data_q[Depth-1];
    assign m_valid_o = valid_q[Depth-1];

    always_ff @(posedge clk_i) begin
      if (s_ready_o) data_q[0] <= s_data_i;
      for (int unsigned i = 1; i < Depth; i++) if (move[i]) data_q[i] <= data_q[i-1];
    end

    always_ff @(posedge clk_i) begin
      if (!rst_ni || clear_i) begin
        valid_q <= '0;
      end else begin
        if (s_ready_o) valid_q[0] <= s_valid_i;
        else if (move[1]) valid_q[0] <= 1'b0;
        for (int unsigned i = 1; i < Depth; i++) if (move[i]) valid_q[i] <= valid_q[i-1];
      end
    end
  end else begin : g_queue
    logic [$clog2(Depth+1)-1:0] unused_level;
    fifo #(
        .Width(Width),
        .Depth(Depth)
    ) i_queue (
        .clk_i,
        .rst_ni,
        .clear_i,
        .s_data_i,
        .s_valid_i,
        .s_ready_o,
        .m_data_o,
        .m_valid_o,
        .m_ready_i,
        .level_o  (unused_level)
    );
  end

  a_no_beat_lost :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i)
      m_valid_o && !m_ready_i |=> m_valid_o && $stable(m_data_o));
endmodule
