// fifo: first-word-fall-through queue in distributed RAM (asynchronous read), for depths up to about 128.
//
// Latency:      1 cycle from s_data_i to m_data_o.
// Throughput:   one word a cycle, also when full (a full queue takes its next word the cycle after one left).
// Back-pressure: s_ready_o depends only on registers, never on m_ready_i.
//
// Parameters:
//   Width  payload bits, >= 1
//   Depth  words held, >= 2, any number
// Ports:
//   clear_i  empties the queue at the next edge; words offered in that cycle are dropped
//   level_o  words held now
module fifo #(
    parameter int unsigned Width = 8,
    parameter int unsigned Depth = 16,
    localparam int unsigned LevelW = $clog2(Depth + 1)
) (
    input  logic              clk_i,
    input  logic              rst_ni,
    input  logic              clear_i,
    input  logic [ Width-1:0] s_data_i,
    input  logic              s_valid_i,
    output logic              s_ready_o,
    output logic [ Width-1:0] m_data_o,
    output logic              m_valid_o,
    input  logic              m_ready_i,
    output logic [LevelW-1:0] level_o
);
  localparam int unsigned PtrW = Depth > 1 ? $clog2(Depth) : 1;

  if (Width < 1) $error("%m: Width is %0d, allowed: >= 1", Width);
  if (Depth < 2) $error("%m: Depth is %0d, allowed: >= 2", Depth);

  (* ram_style = "distributed" *) logic [Width-1:0] mem[Depth];
  logic [PtrW-1:0] wr_q, rd_q;
  logic [LevelW-1:0] level_q;
  logic full_q, empty_q;  // registered so that neither handshake waits for a comparison

  function automatic logic [PtrW-1:0] next(input logic [PtrW-1:0] ptr);
    return (ptr == PtrW'(Depth - 1)) ? '0 : ptr + PtrW'(1);
  endfunction

  wire push = s_valid_i && s_ready_o;
  wire pop = m_valid_o && m_ready_i;

  assign s_ready_o = !full_q;
  assign m_valid_o = !empty_q;
  assign m_data_o  = mem[rd_q];
  assign level_o   = level_q;

  always_ff @(posedge clk_i) if (push) mem[wr_q] <= s_data_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      wr_q    <= '0;
      rd_q    <= '0;
      level_q <= '0;
      full_q  <= 1'b0;
      empty_q <= 1'b1;
    end else begin
      if (push) wr_q <= next(wr_q);
      if (pop) rd_q <= next(rd_q);
      if (push && !pop) begin
        level_q <= level_q + LevelW'(1);
        full_q  <= level_q == LevelW'(Depth - 1);
        empty_q <= 1'b0;
      end else if (pop && !push) begin
        level_q <= level_q - LevelW'(1);
        full_q  <= 1'b0;
        empty_q <= level_q == LevelW'(1);
      end
    end
  end

  a_level :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      level_q <= LevelW'(Depth) && full_q == (level_q == LevelW'(Depth)) && empty_q == (level_q == 0));
  a_latency :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) push && empty_q |=> m_valid_o);
endmodule
