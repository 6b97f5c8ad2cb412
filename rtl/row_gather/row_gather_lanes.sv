// row_gather_lanes: deals the answers out to the lanes, read after read, and holds the beats that wait for the serialiser.
//
// All lanes are emptied together. Up to 3 beats a lane are chains of registers: no multiplexer, so wide beats cost flip-flops
// only. Deeper lanes are columns of one LUTRAM: only one lane is written in a cycle, and all are read at the same place.
//
// Latency:       LaneBeats cycles as registers, 1 as LUTRAM.
// Throughput:    one beat a cycle from lane to lane; inside a lane every second cycle as registers, every cycle as LUTRAM.
// Back-pressure: s_axis_beat_tready depends only on registers.
//
// Parameters: Lanes, BeatW, LaneBeats as in row_gather.
// Ports:      m_valid_o  each lane's oldest beat is in m_beat_o; m_pop_i drops the oldest beat of every lane
module row_gather_lanes #(
    parameter int unsigned Lanes = 2,
    parameter int unsigned BeatW = 256,
    parameter int unsigned LaneBeats = 2
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,
    input  logic                   clear_i,
    input  logic [      BeatW-1:0] s_axis_beat_tdata,
    input  logic                   s_axis_beat_tvalid,
    output logic                   s_axis_beat_tready,
    input  logic                   s_axis_beat_tlast,
    output logic [Lanes*BeatW-1:0] m_beat_o,
    output logic [      Lanes-1:0] m_valid_o,
    input  logic                   m_pop_i
);
  localparam int unsigned LaneW = (Lanes > 1) ? $clog2(Lanes) : 1;

  logic [LaneW-1:0] lane_q;  // whose read is being answered
  logic [Lanes-1:0] in_ready, push;

  assign s_axis_beat_tready = in_ready[lane_q];
  always_comb begin
    push = '0;
    push[lane_q] = s_axis_beat_tvalid && s_axis_beat_tready;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) lane_q <= '0;
    else if (s_axis_beat_tvalid && s_axis_beat_tready && s_axis_beat_tlast)
      lane_q <= (lane_q == LaneW'(Lanes - 1)) ? '0 : lane_q + LaneW'(1);
  end

  if (LaneBeats <= 3) begin : g_registers
    logic [Lanes*BeatW-1:0] data_q[LaneBeats];
    logic [Lanes-1:0] valid_q[LaneBeats], move[LaneBeats];  // move[i][l]: register i of lane l may be overwritten

    always_comb begin
      move[LaneBeats-1] = ~valid_q[LaneBeats-1] | {Lanes{m_pop_i}};
      for (int unsigned i = LaneBeats - 1; i > 0; i--) move[i-1] = ~valid_q[i-1] | move[i];
    end

    // The first register is refilled only when it is empty: so the serialiser's ready never reaches s_axis_beat_tready.
    assign in_ready  = ~valid_q[0];
    assign m_beat_o  = data_q[LaneBeats-1];
    assign m_valid_o = valid_q[LaneBeats-1];

    always_ff @(posedge clk_i) begin
      for (int unsigned l = 0; l < Lanes; l++) begin
        if (in_ready[l]) data_q[0][l*BeatW+:BeatW] <= s_axis_beat_tdata;
        for (int unsigned i = 1; i < LaneBeats; i++) begin
          if (move[i][l]) data_q[i][l*BeatW+:BeatW] <= data_q[i-1][l*BeatW+:BeatW];
        end
      end
    end

    always_ff @(posedge clk_i) begin
      for (int unsigned i = 1; i < LaneBeats; i++) begin
        valid_q[i] <= (valid_q[i] & ~move[i]) | (valid_q[i-1] & move[i]);
        if (!rst_ni || clear_i) valid_q[i] <= '0;
      end
      valid_q[0] <= (valid_q[0] & ~move[1]) | push;
      if (!rst_ni || clear_i) valid_q[0] <= '0;
    end
  end else begin : g_lutram
    localparam int unsigned PtrW = $clog2(LaneBeats);
    localparam int unsigned LevelW = $clog2(LaneBeats + 1);
    (* ram_style = "distributed" *) logic [Lanes*BeatW-1:0] mem[LaneBeats];
    logic [Lanes-1:0][PtrW-1:0] wr_q;
    logic [Lanes-1:0][LevelW-1:0] level_q;
    logic [PtrW-1:0] rd_q;

    function automatic logic [PtrW-1:0] next(input logic [PtrW-1:0] ptr);
      return (ptr == PtrW'(LaneBeats - 1)) ? '0 : ptr + PtrW'(1);
    endfunction

    always_comb begin
      for (int unsigned l = 0; l < Lanes; l++) begin
        in_ready[l]  = level_q[l] != LevelW'(LaneBeats);
        m_valid_o[l] = level_q[l] != 0;
      end
    end
    assign m_beat_o = mem[rd_q];

    always_ff @(posedge clk_i) begin
      for (int unsigned l = 0; l < Lanes; l++) begin
        if (push[l]) mem[wr_q[lane_q]][l*BeatW+:BeatW] <= s_axis_beat_tdata;
      end
    end

    always_ff @(posedge clk_i) begin
      if (m_pop_i) rd_q <= next(rd_q);
      for (int unsigned l = 0; l < Lanes; l++) begin
        if (push[l]) wr_q[l] <= next(wr_q[l]);
        level_q[l] <= level_q[l] + LevelW'(push[l]) - LevelW'(m_pop_i);
      end
      if (!rst_ni || clear_i) begin
        rd_q    <= '0;
        wr_q    <= '0;
        level_q <= '0;
      end
    end
  end

  a_pop_what_is_there :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) m_pop_i |-> &m_valid_o);
  a_no_beat_lost :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i)
      &m_valid_o && !m_pop_i |=> &m_valid_o && $stable(m_beat_o));
endmodule
