// fifo_block: first-word-fall-through queue in block RAM or URAM (synchronous read) for deep buffers.
//
// A memory with registered read feeds an output register; a word moves on wherever there is room in front of it, so
// that the read latency is hidden and the output still falls through.
//
// Latency:      3 cycles from s_data_i to m_data_o when empty (write, read, output register).
// Throughput:   one word a cycle.
// Back-pressure: s_ready_o and m_valid_o depend only on registers. m_ready_i reaches the memory's read enable within
//               the cycle: put a spill_register behind the queue where that is too long.
// Capacity:     Depth words in the memory; up to two more wait in the read path.
//
// Parameters:
//   Width  payload bits, >= 1
//   Depth  words in the memory, >= 4, any number
//   Style  ram_style of the memory: "block", "ultra" or "auto"
// Ports:
//   clear_i  empties the queue at the next edge; words offered in that cycle are dropped
//   level_o  words held now, the read path included
module fifo_block #(
    parameter int unsigned Width = 256,
    parameter int unsigned Depth = 512,
    parameter Style = "block",
    localparam int unsigned LevelW = $clog2(Depth + 3)
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
  if (Depth < 4) $error("%m: Depth is %0d, allowed: >= 4", Depth);

  (* ram_style = Style *) logic [Width-1:0] mem[Depth];
  logic [Width-1:0] read_q, out_q;
  logic [PtrW-1:0] wr_q, rd_q;
  logic [LevelW-1:0] stored_q;  // words in the memory, not yet read
  logic [LevelW-1:0] level_q;
  logic full_q, some_q, read_valid_q, out_valid_q;

  function automatic logic [PtrW-1:0] next(input logic [PtrW-1:0] ptr);
    if (2 ** PtrW == Depth) return ptr + PtrW'(1);
    return {PtrW{ptr != PtrW'(Depth - 1)}} & (ptr + PtrW'(1));  // no synchronous reset: read comes late
  endfunction

  wire push = s_valid_i && s_ready_o;
  wire move = m_ready_i || !out_valid_q;  // the output register may be overwritten
  wire read = some_q && (move || !read_valid_q);
  wire pop = m_valid_o && m_ready_i;

  assign s_ready_o = !full_q;
  assign m_data_o  = out_q;
  assign m_valid_o = out_valid_q;
  assign level_o   = level_q;

  always_ff @(posedge clk_i) begin
    if (push) mem[wr_q] <= s_data_i;
    if (read) read_q <= mem[rd_q];
    if (move) out_q <= read_q;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      wr_q         <= '0;
      rd_q         <= '0;
      stored_q     <= '0;
      level_q      <= '0;
      full_q       <= 1'b0;
      some_q       <= 1'b0;
      read_valid_q <= 1'b0;
      out_valid_q  <= 1'b0;
    end else begin
      if (push) wr_q <= next(wr_q);
      if (read) rd_q <= next(rd_q);
      if (push != read) stored_q <= push ? stored_q + LevelW'(1) : stored_q - LevelW'(1);
      full_q <= !read && (full_q || (push && stored_q == LevelW'(Depth - 1)));
      some_q <= push || (some_q && !(read && stored_q == LevelW'(1)));
      if (push != pop) level_q <= push ? level_q + LevelW'(1) : level_q - LevelW'(1);
      if (move || !read_valid_q) read_valid_q <= some_q;
      if (move) out_valid_q <= read_valid_q;
    end
  end

  a_level :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      full_q == (stored_q == LevelW'(Depth)) && some_q == (stored_q != 0)
      && level_q == stored_q + LevelW'(read_valid_q) + LevelW'(out_valid_q));
  a_stable :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i)
      m_valid_o && !m_ready_i |=> m_valid_o && $stable(m_data_o));
endmodule
